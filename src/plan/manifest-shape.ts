import type { Manifest, ManifestData, ManifestFile, ManifestService } from './manifest.ts'

/**
 * A manifest that is whole down to its last entry; null for anything else. It lies on a host, where a failing card or a hand may have
 * changed any part of it, and what reads it relies on every part.
 */
export function manifestOf(value: unknown): Manifest | null {
  if (!isRecord(value) || value.v !== 1) return null
  const { apps = [], files = {}, metrics = {}, replicas, data, folders, services, was } = value
  if (!Array.isArray(apps) || !apps.every(isText)) return null
  if (!isRecordOf(files, isFile) || !isRecordOf(metrics, isNumber)) return null
  if (!isOptional(replicas, isText) || !isOptional(data, isData)) return null
  if (folders !== undefined && !(Array.isArray(folders) && folders.every(isText))) return null
  if (!isOptional(services, isService) || !isOptional(was, isText)) return null
  return {
    v: 1,
    apps,
    files,
    metrics,
    ...(replicas ? { replicas } : {}),
    ...(data ? { data } : {}),
    ...(folders ? { folders } : {}),
    ...(services ? { services } : {}),
    ...(was ? { was } : {}),
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'

function isFile(value: unknown): value is ManifestFile {
  if (!isRecord(value)) return false
  const { as, app, secret } = value
  return isText(as) && (app === null || isText(app)) && (secret === undefined || secret === true)
}

function isData(value: unknown): value is ManifestData {
  return isRecord(value) && isRecordOf(value.databases, isText) && isText(value.storage)
}

function isService(value: unknown): value is ManifestService {
  if (!isRecord(value)) return false
  const { unit, user, enabled, active } = value
  return isText(unit) && isText(user) && typeof enabled === 'boolean' && typeof active === 'boolean'
}

function isOptional<T>(value: unknown, is: (each: unknown) => each is T): value is Record<string, T> | undefined {
  return value === undefined || isRecordOf(value, is)
}

function isRecordOf<T>(value: unknown, is: (each: unknown) => each is T): value is Record<string, T> {
  return isRecord(value) && Object.values(value).every(is)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
