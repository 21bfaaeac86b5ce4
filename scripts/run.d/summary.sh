# shellcheck shell=bash disable=SC2154 # the variables of scripts/run and network.sh
# What was captured, counted by weir itself from the file that it wrote, and what became of every packet.

# Name and pcap-filter expression; a packet may belong to several. What is in a tunnel counts as the tunnel's here.
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
)
vxlan="udp port 4789"

show_summary() {
  local output=$1
  printf '\n%-16s %12s %16s\n' protocol packets bytes
  show_protocols "$output"
  show_tunnel "$output"
  show_row all "$("$weir" read "$output/packets.pcapng" --stats-json - 2>>"$output/count.log")"
  show_flows "$output/logs"
  show_account "$(<"$output/statistics.json")"
  printf '\npackets:    %s\nlogs:       %s\nstatistics: %s\n' "$output/packets.pcapng" "$output/logs" \
    "$output/statistics.json"
}

show_protocols() {
  local output=$1 row
  for row in "${protocols[@]}"; do
    show_row "${row%%|*}" "$(count "$output" "${row#*|}")"
  done
}

# The frames inside the tunnel, by protocol, below the packets that carry them.
show_tunnel() {
  local output=$1 row outer
  outer=$(count "$output" "$vxlan")
  [[ $(number_of accepted "$outer") != 0 ]] || return 0
  show_row VXLAN "$outer"
  for row in "${protocols[@]}"; do
    show_row "  with ${row%%|*}" "$("$weir" read "$output/packets.pcapng" -f "$vxlan" -w - 2>>"$output/count.log" |
      "$weir" read - --inner -f "${row#*|}" --stats-json - 2>>"$output/count.log")"
  done
}

# count OUTPUT EXPRESSION: weir's statistics of the packets that match.
count() {
  "$weir" read "$1/packets.pcapng" -f "$2" --stats-json - 2>>"$1/count.log"
}

# show_row NAME JSON: a line, unless there was no such packet.
show_row() {
  local packets
  packets=$(number_of accepted "$2")
  [[ $packets == 0 ]] || printf '%-16s %12s %16s\n' "$1" "$packets" "$(number_of accepted_bytes "$2")"
}

# Every packet by what became of it, with causes, and the laws that the numbers obey.
show_account() {
  local json=$1
  printf '\n%-38s %12s\n' "what became of them" packets
  show_causes rejected "rejected by" "$json"
  show_causes dropped "dropped by" "$json"
  show_causes lost "accepted but not written:" "$json"
  show_upstream "$json"
  printf '%-38s %12s\n' "written to the file" "$(number_of written "$json")"
  printf '\nreceived %s = accepted %s + rejected %s + dropped %s + in flight %s\n' \
    "$(number_of received "$json")" "$(number_of accepted "$json")" "$(sum_of rejected "$json")" \
    "$(sum_of dropped "$json")" "$(number_of in_flight "$json")"
  printf 'offered to the file %s = written %s + lost %s + pending %s\n' \
    "$(number_of offered "$json")" "$(number_of written "$json")" "$(sum_of lost "$json")" \
    "$(number_of pending "$json")"
  show_account_of_logs "$json"
}

# The law of all logs together, in records.
show_account_of_logs() {
  local row offered=0 written=0 lost=0 pending=0
  while read -r row; do
    offered=$((offered + $(number_of offered "$row")))
    written=$((written + $(number_of written "$row")))
    lost=$((lost + $(sum_of lost "$row")))
    pending=$((pending + $(number_of pending "$row")))
  done < <(tr -d '\n' <<<"$1" | grep -o '"outputs": *\[[^]]*\]' | head -n 1 |
    grep -o '{[^{}]*"kind": *"log"[^{}]*\({[^{}]*}[^{}]*\)*}')
  [[ $offered == 0 ]] || printf 'offered to the logs %s = written %s + lost %s + pending %s\n' \
    "$offered" "$written" "$lost" "$pending"
}

show_causes() {
  local cause number
  causes_of "$1" "$3" | while read -r cause number; do
    printf '%-38s %12s\n' "$2 $cause" "$number"
  done
}

# What was lost before weir could see it stands beside the law, never in it.
show_upstream() {
  local name number exact
  tr -d '\n' <<<"$1" | grep -o '"upstream": *{\("[^"]*": *{[^}]*},\{0,1\} *\)*}' | head -n 1 |
    grep -o '"[^"]*": *{ *"count": *[0-9]*, *"exact": *[a-z]*' |
    sed 's/"\([^"]*\)": *{ *"count": *\([0-9]*\), *"exact": *\([a-z]*\)/\2 \3 \1/' |
    while read -r number exact name; do
      [[ $exact == true ]] || name+=" (estimated)"
      printf '%-38s %12s\n' "lost before weir: $name" "$number"
    done || true
}

# number_of KEY JSON: the first value of the key; the whole capture stands before its sessions and workers.
number_of() {
  grep -o "\"$1\": *[0-9]*" <<<"$2" | head -n 1 | grep -o '[0-9]*$'
}

# causes_of KEY JSON: a line "cause number" for each entry of the flat object under the key.
causes_of() {
  tr -d '\n' <<<"$2" | grep -o "\"$1\": *{[^}]*}" | head -n 1 | grep -o '"[a-z_]*": *[0-9][0-9]*' |
    tr -d '":' | sed 's/ *\([0-9]*\)$/ \1/' || true
}

# sum_of KEY JSON: of the numbers in the flat object under the key.
sum_of() {
  local sum=0 number
  while read -r _ number; do
    sum=$((sum + number))
  done < <(causes_of "$1" "$2")
  echo "$sum"
}
