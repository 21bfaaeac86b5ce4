# shellcheck shell=bash disable=SC2154 # the variables of scripts/run and network.sh
# What was captured, counted by weir itself from the file that it wrote.

# Name and pcap-filter expression; a packet may belong to several.
protocols=(
  "HTTP|tcp port 80"
  "TLS|tcp port 443"
  "DNS|port 53"
  "SSH|tcp port 22"
  "bulk TCP|tcp port 5201"
  "ICMP|icmp or icmp6"
  "ARP|arp"
  "IPv4|ip"
  "IPv6|ip6"
  "all|"
)

show_summary() {
  local output=$1 row counts packets bytes
  printf '\n%-10s %12s %16s\n' protocol packets bytes
  for row in "${protocols[@]}"; do
    counts=$("$weir" read "$output/packets.pcapng" -f "${row#*|}" --stats-json - 2>>"$output/count.log")
    packets=$(number_of accepted "$counts")
    bytes=$(number_of accepted_bytes "$counts")
    [[ $packets == 0 ]] || printf '%-10s %12s %16s\n' "${row%%|*}" "$packets" "$bytes"
  done
  show_ledger "$(<"$output/statistics.json")"
  printf '\npackets:    %s\nstatistics: %s\n' "$output/packets.pcapng" "$output/statistics.json"
}

show_ledger() {
  printf '\nreceived %s = accepted %s + rejected %s + dropped %s + in flight %s\n' \
    "$(number_of received "$1")" "$(number_of accepted "$1")" "$(sum_of rejected "$1")" \
    "$(sum_of dropped "$1")" "$(number_of in_flight "$1")"
}

# number_of KEY JSON: the first value of the key; the whole capture stands before its sessions and workers.
number_of() {
  grep -o "\"$1\": *[0-9]*" <<<"$2" | head -n 1 | grep -o '[0-9]*$'
}

# sum_of KEY JSON: of the flat object of numbers under the key.
sum_of() {
  local sum=0 number
  for number in $(tr -d '\n' <<<"$2" | grep -o "\"$1\": *{[^}]*}" | head -n 1 | grep -o ': *[0-9][0-9]*' | tr -d ': '); do
    sum=$((sum + number))
  done
  echo "$sum"
}
