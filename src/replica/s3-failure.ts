import type { S3Replica } from '../inventory/model.ts'
import { exitCodes, Problem, type ExitCode } from '../problem.ts'
import { tlsWords } from '../tls-words.ts'
import { NotCarried } from './agents.ts'
import { direct, type Way } from './way.ts'

/** What a failed S3 request tells, whichever way the SDK and Node's sockets have put it. */
export interface S3Failure {
  /** `answer`: the server answered. `unsent`: it never got the request. `lost`: it may have got it. */
  kind: 'answer' | 'unsent' | 'lost'
  /** May pass by itself. */
  transient: boolean
  status: number | null
  /** S3's code (`AccessDenied`), Node's (`ECONNREFUSED`), or `not-carried`. */
  code: string
  text: string
  /** What to do, when whoever failed has said it. */
  next?: string
}

/** Node's and OpenSSL's codes for a connection that was never made. */
const neverConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
])

const untrusted: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
])

const wrongCertificate: ReadonlySet<string> = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
])

const notTls: ReadonlySet<string> = new Set([
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
])

/**
 * `limitMs`: the time limit the request had, for the text of a time-out. What is neither an answer nor a failure of the
 * network is thrown on as it is: a bug, or the Problem of the connection that carries the request.
 */
export function classify(error: unknown, limitMs: number): S3Failure {
  if (error instanceof Problem) throw error
  if (error instanceof NotCarried)
    return {
      kind: 'unsent',
      transient: !error.forbidden,
      status: null,
      code: 'not-carried',
      text: error.message,
      next: error.next,
    }
  const e = fields(error)
  if (e.status !== null) {
    // A body that is no S3 answer (a proxy's page, another web server) fails in the SDK's parser, whose message is about
    // its own fields.
    const parsed = e.message !== '' && !e.message.includes('$response')
    const detail = parsed ? `: ${e.message}` : ''
    return {
      kind: 'answer',
      transient:
        (e.status >= 500 && e.status !== 501) || e.status === 429 || e.status === 408 || e.name === 'RequestTimeout',
      status: e.status,
      code: e.name,
      text: `HTTP ${e.status} ${e.name}${detail}`,
    }
  }
  if (e.name === 'TimeoutError' || e.name === 'AbortError')
    return {
      kind: 'lost',
      transient: true,
      status: null,
      code: 'timeout',
      text: `no answer within ${limitMs / 1000} s`,
    }
  const code = e.code
  if (code === '') throw error
  const certificate = untrusted.has(code) || wrongCertificate.has(code) || notTls.has(code)
  return {
    kind: certificate || neverConnected.has(code) ? 'unsent' : 'lost',
    transient: !certificate,
    status: null,
    code,
    // OpenSSL's own words for this one are a line of source positions.
    text: notTls.has(code) ? `the server does not speak TLS (${code})` : e.message === '' ? code : tlsWords(e.message),
  }
}

function fields(error: unknown): { name: string; message: string; code: string; status: number | null } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), code: '', status: null }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  let status: number | null = null
  if ('$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null)
    if ('httpStatusCode' in error.$metadata && typeof error.$metadata.httpStatusCode === 'number')
      status = error.$metadata.httpStatusCode
  // The SDK hides the answer of a body it could not parse in a property that is not enumerable.
  if (status === null && '$response' in error && typeof error.$response === 'object' && error.$response !== null)
    if ('statusCode' in error.$response && typeof error.$response.statusCode === 'number')
      status = error.$response.statusCode
  return { name: error.name, message: error.message, code, status }
}

/**
 * The failure as a Problem: what was being done where, what was found, what to do next. An S3 that cannot be reached is a
 * failed run (exit 1), not an unsound replica (exit 6).
 */
export function s3Problem(failure: S3Failure, doing: string, replica: S3Replica, way: Way = direct): Problem {
  const advice = advise(failure, replica, way)
  const unanswered = failure.status === null && advice.code === 'replica-unreachable'
  return new Problem({
    code: advice.code,
    doing,
    ...(way.kind === 'through' ? { host: way.host } : {}),
    // Servers put the access key into some messages.
    found: (way.kind === 'through' && unanswered ? `${failure.text}; and from here: ${way.reason}` : failure.text)
      .replaceAll(replica.accessKeyId.reveal(), '***')
      .replaceAll(replica.secretAccessKey.reveal(), '***'),
    next: advice.next,
    exit: advice.exit ?? exitCodes.failed,
  })
}

function advise(failure: S3Failure, replica: S3Replica, way: Way): { code: string; next: string; exit?: ExitCode } {
  const name = replica.name
  const { code, status } = failure
  const { host: server, hostname, protocol } = new URL(replica.endpoint)
  const here = way.kind === 'through' ? way.host : 'this machine'

  if (status === null) {
    if (untrusted.has(code))
      return {
        code: 'replica-certificate',
        next:
          replica.ca === null
            ? `${hostname} has a certificate of an authority that this machine does not know: put that authority’s PEM file beside the inventory and name it as ca: in replica ${name}`
            : `the certificate of ${hostname} was not signed by ${replica.ca}: put the right authority’s PEM file there, or correct ca: in replica ${name}`,
      }
    if (wrongCertificate.has(code))
      return {
        code: 'replica-certificate',
        next: `the certificate of ${hostname} does not fit (name or dates): correct endpoint: in replica ${name}, the certificate, or the clock of this machine`,
      }
    if (notTls.has(code))
      return {
        code: 'replica-not-tls',
        next: `something else than HTTPS answers there: try http:// in endpoint: of replica ${name}`,
      }
    if (failure.next !== undefined)
      return { code: 'replica-unreachable', next: `${failure.next}; or run this where ${server} is reachable` }
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return {
        code: 'replica-unreachable',
        next: `correct endpoint: in replica ${name}, or the name service of this machine`,
      }
    return {
      code: 'replica-unreachable',
      next: `see that the server is up and reachable from ${here}, then run this again${protocol === 'http:' && failure.kind === 'lost' ? '; if it speaks HTTPS, say https:// in endpoint:' : ''}`,
    }
  }
  if (status === 501)
    return {
      code: 'conditional-writes-missing',
      next:
        'update the server; or keep who owns what in a bucket that can (`ownership: NAME` of another replica), or accept two ' +
        `writers that are not told apart within seconds (\`ownership: emulate\`), both under replica ${name}`,
    }
  if (failure.transient)
    return { code: 'replica-unreachable', next: `the server is in trouble: look at its log, then run this again` }
  switch (code) {
    case 'NoSuchBucket':
      return {
        code: 'replica-no-bucket',
        next: `create bucket ${replica.bucket}, or correct bucket: in replica ${name}. If it was there before, its data are gone: do not create it empty before you know why`,
      }
    case 'AccessDenied':
    case 'AllAccessDisabled':
      return {
        code: 'replica-denied',
        next: `give the key of replica ${name} the rights to list, read, write and delete in bucket ${replica.bucket}${replica.prefix === '' ? '' : ` below ${replica.prefix}/`}`,
      }
    case 'InvalidAccessKeyId':
      return {
        code: 'replica-denied',
        next: `the server does not know this access key: correct access-key-id: of replica ${name}`,
      }
    case 'SignatureDoesNotMatch':
      return {
        code: 'replica-denied',
        next: `correct secret-access-key: of replica ${name} (or region:, it is part of the signature)`,
      }
    case 'RequestTimeTooSkewed':
      return {
        code: 'replica-clock',
        next: 'the clock of this machine and the server’s are more than 15 minutes apart: set the wrong one right',
      }
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'AuthorizationHeaderMalformed':
      return { code: 'replica-wrong-place', next: `correct region: and endpoint: of replica ${name}` }
    default:
      return {
        code: 'replica-unexpected-answer',
        next: `see that ${replica.endpoint} is an S3 server and that replica ${name} names its address, bucket and region rightly`,
      }
  }
}
