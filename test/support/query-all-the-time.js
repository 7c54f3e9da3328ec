// A service whose life is measured from outside: it queries all the time, says how each query went, and closes on SIGTERM.
import { VaultIntegration } from '@chaveiro/integration'
import { sleep, systemClock } from '@chaveiro/rotation'

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
// Ends with the process that started it, however that ends.
process.stdin.on('end', () => stop.abort()).resume()

const service = await VaultIntegration.start({ signal: stop.signal })
while (!stop.signal.aborted) {
  const error = await service.pool.query('SELECT count(*) FROM ticks').then(
    () => null,
    (reason) => reason.code ?? String(reason),
  )
  console.log(JSON.stringify({ event: 'sample_query', error }))
  await sleep(systemClock, 50, stop.signal).catch(() => undefined)
}
await service.close('SIGTERM')
process.stdin.destroy()
