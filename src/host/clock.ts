/**
 * Seconds by which a host's clock is ahead of this machine's (less than 0: behind): as much as the time that passed between the
 * question and its answer cannot explain.
 * @param epochSeconds what the host says
 * @param asked epoch s on this machine when the host was asked, and when it had answered
 */
export function clockOffset(epochSeconds: number, asked: { from: number; to: number }): number {
  return Math.min(0, epochSeconds - Math.floor(asked.from)) + Math.max(0, epochSeconds - Math.ceil(asked.to))
}
