/** Starts a Vault in the folder given, prints its pid, and is killed before it could close it. Runs what was built. */
import { RealVault } from '@chaveiro/dev'

const vault = await RealVault.start({ folder: process.argv[2] })
process.stdout.write(`${vault.process.pid}\n`, () => process.kill(process.pid, 'SIGKILL'))
