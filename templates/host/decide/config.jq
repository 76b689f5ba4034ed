# The configuration of an app's gate (/etc/streamside/apps/<app>/gate.json), as a shell can read it without further processes:
# ask "config", .config -> .lines, one value a line. A path may hold anything but NUL: backslash and newline stand as \\ and \n
# there (printf %b turns them back).
def as_line: split("\\") | join("\\\\") | split("\n") | join("\\n");

def config:
  .config as $c
  | { do: "config", code: "config", text: "", next: "",
      lines: ([
        $c.user, $c.unit, $c.host, $c.instance, $c.where, ($c.data // ""),
        $c.ownership.url, $c.ownership.mode, ($c.ownership.root // ""),
        $c.litestream.binary, ($c.litestream.ca // ""),
        $c.storage, ($c.wal // ""),
        ({ app: $c.app, host: $c.host, where: $c.where, data: $c.data, store: (if $c.ownership.mode == "directory" then "directory" else "bucket" end), dbs: [$c.databases[].name],
           policy: { unreachable: $c.whenUnreachable, limit: $c.offlineLimitSeconds, ephemeral: ($c.storage == "ephemeral") } } | tojson | .[1:-1]),
        ($c.databases | length)
      ] + [$c.databases[] | (.name, (.name | tojson), (.path | as_line))] | map(tostring)) };
