# For test.sh --local-engine: a Docker engine of its own under one folder, and base images made from Debian's
# packages and this machine's Node, where none can be pulled. Needs root on Debian, best a throwaway machine:
# Debian's packages docker.io, debootstrap and iptables stay installed.

start_local_engine() {
  local folder=$1
  [[ $(id -u) == 0 && -e /etc/debian_version ]] || fail "--local-engine needs root on Debian"
  install_engine
  save_firewall "$folder"
  ip link show docker0 &>/dev/null || engine_made_bridge=1
  export DOCKER_HOST="unix://$folder/docker.sock" DOCKER_CONFIG="$folder/config"
  dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    --host "$DOCKER_HOST" &>"$folder/dockerd.log" &
  engine_pid=$!
  engine_folder=$folder
  local tries=0
  until docker info &>/dev/null; do
    kill -0 "$engine_pid" 2>/dev/null && ((++tries < 120)) || fail "dockerd: $(tail -n 1 "$folder/dockerd.log")"
    sleep 0.5
  done
  docker compose version &>/dev/null || fetch_compose "$folder"
  make_base_images "$folder/base"
  export RUNTIME_IMAGE=shardcast-local/runtime BASE_IMAGE=shardcast-local/base
}

stop_local_engine() {
  [[ -n ${engine_pid:-} ]] || return 0
  kill "$engine_pid" 2>/dev/null && wait "$engine_pid" || true
  # dockerd leaves its bridge, its rules and the routing of packets behind.
  [[ -z ${engine_made_bridge:-} ]] || ip link delete docker0 2>/dev/null || true
  restore_firewall "$engine_folder"
}

# Table by table: of a table without rules, iptables-save says nothing unless it is named, and then nothing that
# came into it would be taken out again.
save_firewall() {
  local folder=$1 family table
  for family in iptables ip6tables; do
    for table in filter nat mangle raw; do
      "$family-save" -t "$table" >"$folder/$family.$table" 2>>"$folder/log" || rm -f "$folder/$family.$table"
    done
  done
  cat /proc/sys/net/ipv4/ip_forward >"$folder/ip_forward"
}

restore_firewall() {
  local folder=$1 family table
  for family in iptables ip6tables; do
    for table in filter nat mangle raw; do
      [[ -s $folder/$family.$table ]] || continue
      "$family-restore" <"$folder/$family.$table" || echo "test.sh: the table $table of $family has changed" >&2
    done
  done
  cat "$folder/ip_forward" 2>/dev/null >/proc/sys/net/ipv4/ip_forward || true
}

install_engine() {
  local command missing=""
  for command in dockerd docker debootstrap iptables; do
    command -v "$command" >/dev/null || missing=1
  done
  [[ -n $missing ]] || return 0
  note "installing docker.io, debootstrap and iptables"
  apt-get update -qq
  # In run level 1 no package starts a service.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    docker.io debootstrap iptables >/dev/null
}

# Debian 12 has no Compose 2; the package of Debian 13 is one program that runs on both.
fetch_compose() {
  local folder=$1/apt
  note "fetching Compose"
  mkdir -p "$folder"/{state/lists/partial,cache/archives/partial,files}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" \
    >"$folder/sources.list"
  local apt=(apt-get -qq -o "Dir::State=$folder/state" -o "Dir::Cache=$folder/cache"
    -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=root
    -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null)
  "${apt[@]}" update
  (cd "$folder" && "${apt[@]}" download docker-compose)
  dpkg -x "$folder"/docker-compose_*.deb "$folder/files"
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  find "$folder/files" -path '*/cli-plugins/docker-compose' -exec cp {} "$DOCKER_CONFIG/cli-plugins/" \;
  docker compose version >/dev/null || fail "there is no Compose for docker"
}

# What node:…-slim and debian:…-slim are: a minimal Debian without docs, and the same with Node and npm.
make_base_images() {
  local root=$1 npm
  note "making base images"
  debootstrap --variant=minbase bookworm "$root" >"$root.log" || fail "debootstrap: $(tail -n 1 "$root.log")"
  rm -rf "$root"/var/{lib/apt/lists,cache/apt,log}/* "$root"/usr/share/{doc,man,info,locale,lintian}/*
  tar -C "$root" -c . | docker import - shardcast-local/runtime >/dev/null
  npm=$(npm root --global)/npm
  mkdir -p "$root/usr/local/lib/node_modules" "$root/etc/ssl/certs"
  cp "$(node -p process.execPath)" "$root/usr/local/bin/node"
  cp -a "$npm" "$root/usr/local/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  # Only the build sees this image, so nothing about this machine's way to the registry gets into the result.
  tar -C "$root" -c . | docker import \
    --change "ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt" \
    --change "ENV npm_config_registry=$(npm config get registry)" \
    - shardcast-local/base >/dev/null
  rm -rf "$root"
}
