# shellcheck shell=bash disable=SC2154 # the variables of scripts/run and network.sh
# Real servers in the server's namespace. Their files lie in $workspace, their logs too; they end with the namespace.

start_servers() {
  make_certificate
  start_web_server
  start_name_server
  start_ssh_server
  serve iperf3 --server
  wait_for_port tcp 80
  wait_for_port tcp 443
  wait_for_port udp 53
  wait_for_port tcp 22
  wait_for_port tcp 5201
}

serve() {
  in_server "$@" >>"$workspace/servers.log" 2>&1 </dev/null &
  disown
}

make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=web.example.test \
    -addext subjectAltName=DNS:web.example.test -keyout "$workspace/tls.key" -out "$workspace/tls.crt" 2>/dev/null
}

start_web_server() {
  mkdir "$workspace/www"
  echo '<!doctype html><title>weir</title><p>A page to be captured.' >"$workspace/www/index.html"
  head -c 200000 /dev/urandom >"$workspace/www/data.bin"
  cat >"$workspace/nginx.conf" <<END
daemon off;
master_process off;
pid $workspace/nginx.pid;
error_log $workspace/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path $workspace;
  proxy_temp_path $workspace;
  fastcgi_temp_path $workspace;
  uwsgi_temp_path $workspace;
  scgi_temp_path $workspace;
  server {
    listen 80;
    listen [::]:80;
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    ssl_certificate $workspace/tls.crt;
    ssl_certificate_key $workspace/tls.key;
    root $workspace/www;
  }
}
END
  serve nginx -p "$workspace" -c "$workspace/nginx.conf" -e "$workspace/nginx.log"
}

start_name_server() {
  serve dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --no-resolv --no-hosts \
    --log-facility="$workspace/dnsmasq.log" --address="/example.test/$server_ipv4" \
    --address="/example.test/$server_ipv6" --mx-host=example.test,mail.example.test \
    --txt-record=example.test,"a text record"
}

start_ssh_server() {
  mkdir -p /run/sshd # sshd refuses to start without; its package makes the same folder
  ssh-keygen -q -t ed25519 -N '' -f "$workspace/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$workspace/client_key"
  cat >"$workspace/sshd_config" <<END
HostKey $workspace/host_key
AuthorizedKeysFile $workspace/client_key.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
PidFile none
END
  serve "$(command -v sshd)" -D -f "$workspace/sshd_config" -E "$workspace/sshd.log"
}

# wait_for_port tcp|udp PORT
wait_for_port() {
  local protocol=$1 port=$2 attempt
  for ((attempt = 0; attempt < 200; ++attempt)); do
    [[ -z $(in_server ss -Hln "--$protocol" "sport = :$port") ]] || return 0
    sleep 0.05
  done
  cat "$workspace"/*.log >&2
  fail "the server on $protocol port $port does not come up"
}
