/** A path as YAML takes it for a text, whatever is in it. */
export function yamlWord(path: string): string {
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(path) ? path : JSON.stringify(path)
}
