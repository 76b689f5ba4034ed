import { afterAll } from 'vitest'
import { cutPower, findLab, isOn } from '../lab/index.ts'
import { testInstance } from './instance.ts'

// Each test file boots hosts of its own. Left on, a whole run's hosts would use up what one kernel has for all of them
// (fs.inotify.max_user_instances is 128, and each host's systemd takes several). Their cards stay, to be looked into.
afterAll(async () => {
  const lab = await findLab(testInstance)
  for (const host of lab?.hosts ?? []) if (await isOn(host)) await cutPower(host)
})
