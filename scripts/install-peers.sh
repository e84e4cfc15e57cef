#!/usr/bin/env bash
# Installs Debian's packages that the lab, interop tests and benches run: NAT tools, real peers, strace. Services that
# packages bring are kept from starting (they would listen on this machine's own network).
set -euo pipefail

packages=(iproute2 nftables conntrack ethtool util-linux iputils-ping procps faketime
  coturn stun-client wireguard-go wireguard-tools miniupnpd-nftables miniupnpc natpmpc tayga zstd
  iperf3 dnsmasq-base bind9-dnsutils openssh-server dbus-daemon libsystemd-shared strace)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo 'all present'
  exit 0
fi

sudo=''
[ "$(id -u)" -eq 0 ] || sudo=sudo
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod +x "$policy"
  trap '$sudo rm -f "$policy"' EXIT
fi
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
