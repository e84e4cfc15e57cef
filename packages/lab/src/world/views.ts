/**
 * What a machine or host sees of the file system: its own /run, /etc, /var/lib, host name and /sys.
 *
 * Every machine can so run daemons with their default paths (four times /run/warren/warrend.sock), and what
 * a daemon does to /etc/resolv.conf happens to a layer that vanishes with the world, never to the file of the
 * computer. All else (programs, /home, /tmp) is shared with the computer.
 *
 * In the world's /run, for a machine X:
 *
 *     netns/X                     its network namespace
 *     places/X/run                its /run
 *     places/X/etc, etc.work      layer over /etc (overlayfs)
 *     places/X/lib, lib.work      layer over /var/lib
 */

/** The argv to put before a command that runs in a view; `holder` is the view's holder, see below. */
export function enterView(holder: number): string[] {
  return ['nsenter', '--target', String(holder), '--net', '--mount', '--uts', '--'];
}

/** As {@link enterView} for a place that has a network namespace only (hubs, routers, the copier). */
export function enterNetwork(place: string): string[] {
  return ['nsenter', `--net=/run/netns/${place}`, '--'];
}

/**
 * Script for `sh -s` in the world: makes the views. Prints a line `PLACE PID` for each: the process that
 * holds its namespaces open and does nothing else.
 *
 * (Bind mounts of /proc/PID/ns/mnt would do without a process, but are not reliable: since Linux 6.18 the
 * check against mount loops compares identifiers that do not grow in order across CPUs.)
 */
export function viewsScript(
  places: readonly string[],
  hosts: readonly (readonly [name: string, address: string])[],
): string {
  const hostLines = hosts.map(([name, address]) => `${address} ${name}\n`).join('');
  return [
    'set -e\n',
    // A holder that still waits would keep our output open: on failure all of this process group ends.
    "trap '[ $? = 0 ] || kill -KILL 0' EXIT\n",
    ...places.map((place) => openView(place, hostLines)),
    ...places.map((place) => awaitView(place)),
  ].join('');
}

function openView(place: string, hostLines: string): string {
  const home = `/run/places/${place}`;
  const overlay = (on: string, layer: string): string =>
    `mount -t overlay overlay -o lowerdir=${on},upperdir=${home}/${layer},workdir=${home}/${layer}.work ${on}`;
  return `
mkdir -p ${home}/run/lock ${home}/etc ${home}/etc.work ${home}/lib ${home}/lib.work
echo ${place} > ${home}/etc/hostname
: > ${home}/etc/resolv.conf
cat > ${home}/etc/hosts <<'WARREN-EOF'
127.0.0.1 localhost ${place}
::1 localhost
${hostLines}WARREN-EOF
mkfifo ${home}/up
nsenter --net=/run/netns/${place} unshare --mount --uts sh -c '
  hostname ${place} &&
  { ${overlay('/etc', 'etc')} || { mount --bind /etc /etc && mount -o remount,bind,ro /etc; }; } &&
  { ${overlay('/var/lib', 'lib')} || mount --bind ${home}/lib /var/lib; } &&
  { mount -t sysfs sysfs /sys 2>/dev/null || :; } &&
  mount --bind ${home}/run /run &&
  echo up >&3 &&
  exec sleep infinity </dev/null >/dev/null 2>&1 3>&-
' 3>${home}/up &
pid_${variable(place)}=$!
`;
}

/** The pipe ends without a word when the view failed. */
function awaitView(place: string): string {
  const home = `/run/places/${place}`;
  return `
read -r word < ${home}/up || { echo "the view of ${place} failed" >&2; exit 1; }
rm ${home}/up
echo ${place} $pid_${variable(place)}
`;
}

function variable(place: string): string {
  return place.replaceAll('-', '_');
}

/**
 * Where a file of a place lies in the world. Only /run, /etc and /var/lib are a place's own; of the latter
 * two this finds what was written inside the world, not what the computer had before.
 */
export function layerPath(place: string, path: string): string {
  const layers = [
    ['/run', 'run'],
    ['/var/run', 'run'],
    ['/etc', 'etc'],
    ['/var/lib', 'lib'],
  ] as const;
  for (const [prefix, layer] of layers) {
    if (path === prefix || path.startsWith(`${prefix}/`)) {
      return `/run/places/${place}/${layer}${path.slice(prefix.length)}`;
    }
  }
  return path;
}
