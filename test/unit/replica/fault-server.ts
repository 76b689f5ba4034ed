import { once } from 'node:events'
import { createFaultProxy, type FaultProxy } from '../../lab/fault-proxy.ts'

/** The lab's fault proxy before a server, on a loopback port of its own. */
export async function startFaultProxy(
  upstream: URL,
): Promise<{ proxy: FaultProxy; endpoint: string; stop: () => Promise<void> }> {
  const proxy = createFaultProxy(upstream)
  proxy.server.listen(0, '127.0.0.1')
  await once(proxy.server, 'listening')
  const address = proxy.server.address()
  if (address === null || typeof address === 'string') throw new Error('the fault proxy has no port')
  return {
    proxy,
    endpoint: `http://127.0.0.1:${address.port}`,
    async stop() {
      proxy.server.close()
      proxy.server.closeAllConnections()
      await once(proxy.server, 'close')
    },
  }
}
