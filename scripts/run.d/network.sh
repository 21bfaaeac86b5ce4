# shellcheck shell=bash disable=SC2034 # variables for the other files
# Two network namespaces joined by a virtual cable, and by a VXLAN tunnel in that cable; their names carry the process
# id of the run that made them.

client_ipv4=192.0.2.1 server_ipv4=192.0.2.2
client_ipv6=2001:db8::1 server_ipv6=2001:db8::2
tunnel_client_ipv4=198.51.100.1 tunnel_server_ipv4=198.51.100.2
tunnel_client_ipv6=2001:db8:42::1 tunnel_server_ipv6=2001:db8:42::2

in_client() { exec ip netns exec "$network-a" "$@"; }
in_server() { exec ip netns exec "$network-b" "$@"; }

make_network() {
  network=weir-run-$$
  workspace=/run/$network
  mkdir -m 755 "$workspace"
  ip netns add "$network-a"
  ip netns add "$network-b"
  ip link add client netns "$network-a" type veth peer name server netns "$network-b"
  set_up_end "$network-a" client "$client_ipv4" "$client_ipv6"
  set_up_end "$network-b" server "$server_ipv4" "$server_ipv6"
  make_tunnel
}

make_tunnel() {
  if ! add_tunnel_end "$network-a" client "$client_ipv4" "$server_ipv4"; then
    say "this kernel has no VXLAN: the run goes without a tunnel"
    return
  fi
  add_tunnel_end "$network-b" server "$server_ipv4" "$client_ipv4"
  set_up_end "$network-a" tunnel "$tunnel_client_ipv4" "$tunnel_client_ipv6"
  set_up_end "$network-b" tunnel "$tunnel_server_ipv4" "$tunnel_server_ipv6"
  has_tunnel=yes
}

add_tunnel_end() {
  local namespace=$1 interface=$2 own=$3 other=$4
  ip -n "$namespace" link add tunnel type vxlan id 42 local "$own" remote "$other" dstport 4789 dev "$interface"
}

set_up_end() {
  local namespace=$1 interface=$2 ipv4=$3 ipv6=$4
  ip -n "$namespace" link set lo up
  # Frames as on a wire, not the 64 KiB ones that a virtual cable would carry.
  ip -n "$namespace" link set "$interface" gso_max_segs 1 up
  ip -n "$namespace" address add "$ipv4/24" dev "$interface"
  ip -n "$namespace" address add "$ipv6/64" dev "$interface" nodad
}

remove_network() {
  [[ -z ${network-} ]] || sweep_network "$network"
}

# Ends exactly the processes that live in the namespaces of that run, then the namespaces.
sweep_network() {
  local namespace pid
  for namespace in "$1-a" "$1-b"; do
    [[ -e /run/netns/$namespace ]] || continue
    for pid in $(ip netns pids "$namespace"); do
      kill -KILL "$pid" 2>/dev/null || true
    done
    ip netns delete "$namespace"
  done
  rm -rf "/run/$1"
}

# What runs left that were killed before they could clean up.
sweep_networks() {
  local folder pid
  for folder in /run/weir-run-*; do
    pid=${folder##*-}
    [[ -d $folder && $pid =~ ^[0-9]+$ ]] || continue
    is_a_run "$pid" || sweep_network "weir-run-$pid"
  done
}

is_a_run() {
  [[ -r /proc/$1/cmdline ]] && tr '\0' ' ' <"/proc/$1/cmdline" | grep -q 'scripts/run'
}
