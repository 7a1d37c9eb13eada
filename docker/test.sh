#!/usr/bin/env bash
# `npm run test:docker`: builds the image, runs the compose cluster, checks it from outside, scales it, and
# takes everything down again. With --local-engine it brings its own Docker engine (local-engine.sh).
# The last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

USAGE="usage: npm run test:docker [-- --local-engine]"
passed=0
failed=0
temp=$(mktemp -d)
project=shardcast-test-$$

note() { echo "== $*"; }
fail() {
  echo "test.sh: $*" >&2
  exit 1
}

# check <text> <command…>: counts whether the command succeeds, and shows what it printed where not.
check() {
  local text=$1 status
  shift
  # Not as a condition: there, a function would go on after a command that failed.
  set +e
  (
    set -e
    "$@"
  ) >"$temp/out" 2>&1
  status=$?
  set -e
  if [[ $status == 0 ]]; then
    passed=$((passed + 1))
    echo "  ✔ $text"
    grep '^    - ' "$temp/out" || true
  else
    failed=$((failed + 1))
    echo "  ✘ $text"
    tail -n 40 "$temp/out"
  fi
}

source docker/local-engine.sh

# Nothing of a docker/.env is taken: the test has a key and a size of its own.
compose() { docker compose --env-file /dev/null -f docker/compose.yaml -p "$project" "$@"; }

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n ${is_engine_up:-} ]]; then
    note "cleaning up"
    docker rm --force "$project-alone" "$project-options" &>/dev/null || true
    compose --profile demo down --volumes --remove-orphans --timeout 5 &>/dev/null || true
    docker image rm "$SHARDCAST_IMAGE" &>/dev/null || true
  fi
  stop_local_engine
  rm -rf "$temp"
  exit "$status"
}

# The addresses that the nodes are published at, as checks.js and the end-to-end tests take them.
addresses() {
  local number
  SHARDCAST_E2E_PRODUCERS=""
  SHARDCAST_E2E_CONSUMERS=""
  for number in $(seq "$PRODUCERS"); do
    SHARDCAST_E2E_PRODUCERS+=",ws://$(compose port --index "$number" producer 9000)"
  done
  for number in $(seq "$CONSUMERS"); do
    SHARDCAST_E2E_CONSUMERS+=",ws://$(compose port --index "$number" consumer 9100)"
  done
  export SHARDCAST_E2E_PRODUCERS=${SHARDCAST_E2E_PRODUCERS#,} SHARDCAST_E2E_CONSUMERS=${SHARDCAST_E2E_CONSUMERS#,}
}

works_from_outside() {
  addresses
  node docker/checks.js
}

inspect() { docker inspect --format "$1" "$2"; }

is_healthy() {
  local container
  for container in $(compose ps --quiet); do
    [[ $(inspect '{{.State.Health.Status}}' "$container") == healthy ]] || return 1
  done
}

# As the node itself sees it, which is the one child of process 1.
is_confined() {
  local node='/proc/$(cat /proc/1/task/1/children | tr -d " ")'
  compose exec -T consumer sh -euc "
    grep -q '^Uid:.10001.10001' $node/status
    grep -q '^CapBnd:.0*\$' $node/status
    grep -q '^NoNewPrivs:.1' $node/status
    ! touch /app/file /home/shardcast/file 2>/dev/null"
  [[ $(inspect '{{.Config.User}}' "$SHARDCAST_IMAGE") == 10001:10001 ]]
}

# No key in what the image is made of, and nothing of the way to the registry.
has_no_secret() {
  local made_of
  made_of=$(inspect '{{json .Config}}' "$SHARDCAST_IMAGE" && docker history --no-trunc "$SHARDCAST_IMAGE")
  ! grep -qiE 'psk|registry|_auth|ca-certificates' <<<"$made_of"
}

stops_in_peace() {
  local service container started=$SECONDS
  for service in consumer producer; do
    container=$project-$service-1
    docker stop -t 30 "$container"
    # 143 is a process that knew no signal, 137 one that had to be killed.
    [[ $(inspect '{{.State.ExitCode}}' "$container") == 0 ]]
    docker logs "$container" | grep -q '"msg":"stopping"'
  done
  echo "    - both within $((SECONDS - started)) s"
  compose up --detach --wait
}

is_started_again() {
  local container=$project-consumer-2 tries=0
  docker exec "$container" sh -c 'kill -9 $(cat /proc/1/task/1/children)' || true
  until [[ $(inspect '{{.RestartCount}}' "$container") -ge 1 ]]; do
    ((++tries < 60)) || return 1
    sleep 0.5
  done
  works_from_outside
}

# One consumer more than the list names: it says so and stays out, the others go on.
says_what_to_set() {
  local tries=0
  compose up --detach --scale consumer=4
  until docker logs "$project-consumer-4" 2>&1 | grep -q 'set CONSUMERS .*SHARDCAST_OPTION_INVALID'; do
    ((++tries < 60)) || return 1
    sleep 0.5
  done
  works_from_outside
  compose up --detach --wait
  ! docker inspect "$project-consumer-4" &>/dev/null
}

demo_talks() {
  [[ $(echo "hello from the demo" | compose run --rm -T topic news 2>/dev/null) == *"hello from the demo"* ]]
}

demo_refuses_a_wrong_key() {
  if PSK=another compose run --rm -T topic news </dev/null >"$temp/demo" 2>&1; then return 1; fi
  grep -q SHARDCAST_HANDSHAKE_FAILED "$temp/demo"
}

cli_talks() {
  compose exec -T producer shardcast publish greetings hi --url http://producer:9000
  [[ $(compose exec -T consumer shardcast subscribe greetings --from earliest --count 1 \
    --url http://consumer:9100) == hi ]]
}

runs_without_compose() {
  local name=$project-alone tries=0
  docker run --detach --rm --name "$name" "$SHARDCAST_IMAGE" up >/dev/null
  until docker logs "$name" | grep -q '^Ready'; do
    ((++tries < 60)) || return 1
    sleep 0.5
  done
  docker exec "$name" shardcast publish news hi --url http://127.0.0.1:9100
  docker stop "$name"
}

health_follows_the_options() {
  local name=$project-options status=starting tries=0
  docker run --detach --rm --name "$name" --health-interval 1s --env PSK "$SHARDCAST_IMAGE" \
    consumer --id c1 --port 9333 --consumers c1=ws://127.0.0.1:9333 >/dev/null
  until [[ $status == healthy ]]; do
    ((++tries < 60)) || break
    sleep 0.5
    status=$(inspect '{{.State.Health.Status}}' "$name")
  done
  docker stop "$name"
  [[ $status == healthy ]]
}

# End-to-end tests that can be handed a cluster run against this one.
end_to_end() {
  addresses
  npx mocha --no-config --require ts-node/register --node-option conditions=@shardcast/source \
    --timeout 60000 "$@" | tee "$temp/mocha"
  sed -n 's/^  \([0-9]* passing\).*/    - \1/p' "$temp/mocha"
}

case "${1:-}" in
  "") ;;
  --local-engine) is_local=1 ;;
  *) fail "$USAGE" ;;
esac
trap clean_up EXIT
trap 'exit 130' INT TERM

if [[ -n ${is_local:-} ]]; then
  start_local_engine "$temp"
elif ! docker info &>/dev/null; then
  fail "no Docker engine answers; on a Debian machine to throw away, as root, --local-engine brings one"
fi
is_engine_up=1
docker compose version &>/dev/null || fail "docker compose is missing"

node scripts/setup.js
PSK=$(node -p 'require("node:crypto").randomBytes(32).toString("hex")')
export PSK PSK_PREVIOUS="" PRODUCERS=2 CONSUMERS=2 SHARDCAST_IMAGE=$project
# Below the ports that systems give to outgoing connections, any of which may be in use.
export BIND=127.0.0.1 PRODUCER_PORTS=${PRODUCER_PORTS:-19000-19049} CONSUMER_PORTS=${CONSUMER_PORTS:-19100-19149}

note "the image"
check "is built" compose build
[[ $failed == 0 ]] || fail "there is nothing to test"
echo "    - $(inspect '{{.Size}}' "$SHARDCAST_IMAGE" | awk '{printf "%.0f MB", $1 / 1e6}')"
check "holds no secret" has_no_secret
check "runs a whole cluster by shardcast up" runs_without_compose
check "has a health check that follows a node's options" health_follows_the_options

note "2 producers, 2 consumers"
check "come up" compose up --detach --wait
check "are healthy" is_healthy
check "run as nobody in particular: not root, no capabilities, nothing writable" is_confined
check "work from outside" works_from_outside
check "have a demo that talks to itself" demo_talks
check "have a demo that refuses a wrong key" demo_refuses_a_wrong_key
check "are reached by the image's own shardcast command" cli_talks
check "stop gracefully on docker stop" stops_in_peace
check "are started again when they die" is_started_again

note "3 producers, 3 consumers"
export PRODUCERS=3 CONSUMERS=3
check "come up" compose up --detach --wait
check "work from outside" works_from_outside
check "say what to set where --scale and CONSUMERS differ" says_what_to_set

mapfile -t suites < <(grep -rl SHARDCAST_E2E_PRODUCERS packages/e2e/test || true)
if ((${#suites[@]} > 0)); then
  note "the end-to-end tests"
  check "pass against this cluster" end_to_end "${suites[@]}"
fi

echo
echo "$passed passed, $failed failed"
((failed == 0))
