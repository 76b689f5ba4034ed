/** Something that somebody did to a host by hand. */
interface Drift {
  script: string
  /** Changes that plan names and provision makes, on each host. */
  changes: string[]
  /** Units that get a new process. */
  restarts: string[]
  /** What the host says afterwards, to this script. */
  after?: [script: string, answer: string]
}

const unitFile = '/etc/systemd/system/drift.service'
const override = `${unitFile}.d/override.conf`
const ownFolders = ['conf', 'data', 'other', 'other/deep'].map((folder) => `/var/lib/drift/${folder}`)
const ownFiles = ['settings', 'conf/inner'].map((file) => `/var/lib/drift/${file}`)

const ownersAfter: [string, string] = ['find /var/lib/drift ! -user drift -o ! -group drift', '']

/** On a host with the apps `drift` and `drift-static`, by what was done. */
export const drifts: Record<string, Drift> = {
  'a unit that was stopped': {
    script: 'systemctl stop drift-static.service',
    changes: ['start drift-static.service'],
    restarts: ['drift-static.service'],
  },
  'a unit that was disabled': {
    script: 'systemctl disable drift-static.service 2>/dev/null',
    changes: ['enable drift-static.service'],
    restarts: [],
    after: ['systemctl is-enabled drift-static.service', 'enabled\n'],
  },
  'a unit that was masked': {
    // systemctl does not mask what has a file in /etc: whoever means it puts the link there
    script: `systemctl stop drift-static.service; ln -sfn /dev/null /etc/systemd/system/drift-static.service; systemctl daemon-reload`,
    changes: [
      'update /etc/systemd/system/drift-static.service',
      'enable drift-static.service',
      'start drift-static.service',
    ],
    restarts: ['drift-static.service'],
  },
  'a timer that was stopped': {
    script: 'systemctl disable --now drift-check.timer 2>/dev/null',
    changes: ['enable drift-check.timer', 'start drift-check.timer'],
    restarts: [],
    after: ['systemctl is-active drift-check.timer', 'active\n'],
  },
  'a drop-in that is in force': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nEnvironment=FROM=elsewhere\\n' >${override}; systemctl daemon-reload; systemctl restart drift.service`,
    changes: [`remove ${override}`, 'restart drift.service'],
    restarts: ['drift.service'],
    after: [
      'cat /var/lib/streamside/set-aside/*/etc/systemd/system/drift.service.d/override.conf | head -n 2; ls -d /etc/systemd/system/drift.service.d 2>&1 | wc -l',
      '[Service]\nEnvironment=FROM=elsewhere\n1\n',
    ],
  },
  'a drop-in that nobody has loaded': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nNice=5\\n' >${override}`,
    changes: [`remove ${override}`],
    restarts: [],
  },
  'a file edited by hand, and what runs started with it': {
    script: `printf '[Service]\\nNice=5\\n' >>${unitFile}; systemctl daemon-reload; systemctl restart drift.service`,
    changes: [`update ${unitFile}`, 'restart drift.service'],
    restarts: ['drift.service'],
    after: ['systemctl show -P Nice drift.service', '0\n'],
  },
  'files edited by hand that nothing was started with': {
    script: `for file in ${unitFile} /etc/systemd/system/drift-litestream.service /etc/streamside/apps/drift/*.env /etc/streamside/apps/drift-static/app.env; do printf '# by hand\\n' >>"$file"; done; systemctl daemon-reload`,
    changes: [
      'update /etc/streamside/apps/drift/app.env',
      `update ${unitFile}`,
      'update /etc/streamside/apps/drift/litestream.env',
      'update /etc/systemd/system/drift-litestream.service',
      'update /etc/streamside/apps/drift-static/app.env',
    ],
    restarts: [],
  },
  'a drop-in that was loaded, and nothing was started with': {
    script: `mkdir -p ${unitFile}.d; printf '[Service]\\nNice=5\\n' >${override}; systemctl daemon-reload`,
    changes: [`remove ${override}`],
    restarts: [],
  },
  'a mode and an owner': {
    script: `chmod 0666 ${unitFile}; chown pi /etc/streamside/apps/drift/app.env; chmod 0777 /var/lib/drift`,
    changes: [
      'update /etc/streamside/apps/drift',
      'update /var/lib/drift',
      'update /etc/streamside/apps/drift/app.env',
      `update ${unitFile}`,
    ].slice(1),
    restarts: [],
    after: [
      `stat -c '%a %U' ${unitFile} /etc/streamside/apps/drift/app.env /var/lib/drift`,
      '644 root\n600 root\n750 drift\n',
    ],
  },
  'files and folders of an app that root has put there': {
    script: `chown root:root ${ownFiles[0]} ${ownFiles[1]}; chown root ${ownFolders[0]}; chown root:root ${ownFolders[2]}; chgrp root ${ownFolders[1]}`,
    changes: [...ownFolders.slice(0, 3), ...ownFiles].map((each) => `update ${each}`),
    restarts: [],
    after: ownersAfter,
  },
  'a state directory that root has taken': {
    script: 'chown root:root /var/lib/drift',
    changes: ['update /var/lib/drift'],
    restarts: [],
    after: ownersAfter,
  },
  'a state directory that root has taken with all that is in it': {
    script: 'chown -R root:root /var/lib/drift',
    changes: ['/var/lib/drift', ...ownFolders, ...ownFiles, '/var/lib/drift/data/notes.db'].map(
      (each) => `update ${each}`,
    ),
    restarts: [],
    after: ownersAfter,
  },
  'a database that root has put there': {
    script: 'chown root:root /var/lib/drift/data/notes.db',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['stat -c %U:%G /var/lib/drift/data/notes.db', 'drift:drift\n'],
  },
  'a database that its app may not read, and a WAL that it may not write': {
    script: 'chmod 0 /var/lib/drift/data/notes.db; chmod 0440 /var/lib/drift/data/notes.db-wal',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['find /var/lib/drift/data/notes.db /var/lib/drift/data/notes.db-wal ! -perm -u+rw', ''],
  },
  'a WAL that root has put there': {
    script: 'chown root:root /var/lib/drift/data/notes.db-wal',
    changes: ['update /var/lib/drift/data/notes.db'],
    restarts: [],
    after: ['stat -c %U:%G /var/lib/drift/data/notes.db-wal', 'drift:drift\n'],
  },
  'a program that root runs, replaced by another': {
    script: `cd /usr/local/lib/streamside/current/; echo '# by pi' >>gate.sh; chown pi gate.sh`,
    changes: ['update PROGRAMS/gate.sh'],
    restarts: [],
    after: ['cd /usr/local/lib/streamside/current/; grep -c pi$ gate.sh; stat -c %U gate.sh', '0\nroot\n'],
  },
  'folders of root that others were let into': {
    script: `cd /usr/local/lib/streamside/current/; chown pi . decide
      chmod 0777 /opt/drift/releases /var/lib/streamside/apps /var/lib/streamside/apps/drift; chown pi /opt/drift`,
    changes: [
      'update PROGRAMS',
      'update PROGRAMS/decide',
      'update /opt/drift',
      'update /opt/drift/releases',
      'update /var/lib/streamside/apps',
      'update /var/lib/streamside/apps/drift',
    ],
    restarts: [],
    after: [
      "find /usr/local/lib/streamside /opt/drift /var/lib/streamside '(' ! -user root -o -perm /022 ')' ! -type l",
      '',
    ],
  },
  'a package that was removed': {
    script: 'DEBIAN_FRONTEND=noninteractive apt-get -q -y purge jq >/dev/null 2>&1',
    changes: ['install jq'],
    restarts: [],
    after: ['jq -n 1', '1\n'],
  },
  'a release folder with a file less': {
    script: 'rm /opt/drift/current/notes',
    changes: ['update /opt/drift/releases/DIGEST', 'restart drift.service'],
    restarts: ['drift.service'],
  },
  'a release folder that is gone': {
    script: 'rm -r /opt/drift-static/releases /opt/drift-static/current',
    changes: [
      'create /opt/drift-static/releases/DIGEST',
      'create /opt/drift-static/current',
      'restart drift-static.service',
    ],
    restarts: ['drift-static.service'],
  },
  'a Litestream whose binary was changed': {
    // a running program cannot be written to: whoever replaces it puts another file there
    script: 'cd /usr/local/lib/streamside/litestream-*; cp litestream other; printf x >>other; mv other litestream',
    changes: ['update LITESTREAM', 'restart drift-litestream.service'],
    restarts: ['drift-litestream.service'],
  },
  'files of the gate that are gone': {
    script: 'rm /etc/streamside/apps/drift/gate.json /etc/systemd/system/drift-gate.service',
    changes: ['create /etc/streamside/apps/drift/gate.json', 'create /etc/systemd/system/drift-gate.service'],
    restarts: [],
  },
}
