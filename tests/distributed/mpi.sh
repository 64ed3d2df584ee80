#!/usr/bin/env bash
# Runs the test program on several processes with mpirun, and sees what comes of faults.
set -uo pipefail

usage() {
  cat <<'END'
Usage: tests/distributed/mpi.sh PROGRAM CASE

PROGRAM is ranvier_test_distributed; CASE one of

  promises-N   N processes keep the promises of a transport
  networks-N   N processes compute together what one computes
  killed       one of two is killed: all end, and the output names it and its host
  stopped      one of two stops: the other notices, by patience
  throws       one of two throws: the cause reaches the output, with rank and host
  waits        two wait for each other
  hosts        as promises-2, on two hosts (network namespaces) over TCP; needs root
  cut          two hosts lose their link: both notice, by patience
END
}

if (($# != 2)); then usage >&2; exit 2; fi
program=$1 case=$2

skip() { echo "skipped: $1"; exit 0; }
die() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }

command -v mpirun >/dev/null || skip 'mpirun is not installed (cmake/install_packages.sh mpi)'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
folder=$(mktemp -d) log=$folder/log
trap 'rm -rf "$folder"' EXIT
began=$SECONDS

on_host=()  # what puts mpirun on its host
start() {  # TAG MPIRUN_ARGUMENTS...: keeps the output
  local tag=$1
  shift
  "${on_host[@]}" timeout --kill-after=1 30 mpirun --oversubscribe --bind-to none "$@" \
    "$program" "[$tag]" --use-colour no >"$log" 2>&1
}
run() {  # likewise, shows the output, and fails if that takes 30 s
  start "$@"
  local status=$?
  cat "$log"
  echo "exit status $status after $((SECONDS - began)) s"
  ((SECONDS - began < 30)) || die 'processes were left after 30 s'
  return $status
}

says() { grep -qE "$1" "$log" || die "the output has no line like '$1'"; }
fails() { run "$@" && die 'it ended well'; }

# Two hosts that are network namespaces, with a link between them.
hosts_up() {
  a=ranvier-a-$$ b=ranvier-b-$$
  trap hosts_down EXIT
  ((EUID == 0)) && command -v ip >/dev/null || skip 'network namespaces need root and iproute2'
  { ip netns add "$a" && ip netns add "$b" &&
    ip -n "$a" link add link0 type veth peer name link0 netns "$b"; } 2>"$folder/ip" ||
    skip "this system has no network namespaces: $(tail -n 1 "$folder/ip")"
  local host
  for host in "$a 10.213.0.1" "$b 10.213.0.2"; do
    set -- $host
    ip -n "$1" address add "$2/24" dev link0
    ip -n "$1" link set lo up
    ip -n "$1" link set link0 up
  done
  # What mpirun calls in the place of ssh, and what puts it on the first host.
  printf '#!/bin/sh\nshift\nexec ip netns exec %s unshare --uts sh -c "hostname %s; $*"\n' \
    "$b" "$b" >"$folder/agent"
  chmod +x "$folder/agent"
  on_host=(ip netns exec "$a" unshare --uts sh -c "hostname $a; exec \"\$@\"" sh)
  over_tcp=(-np 2 --host 10.213.0.1,10.213.0.2 --mca plm_rsh_agent "$folder/agent"
    --mca btl tcp,self --mca btl_tcp_if_include link0 --mca oob_tcp_if_include link0)
}
hosts_down() {
  local host
  for host in "$a" "$b"; do
    ip netns pids "$host" 2>/dev/null | xargs -r kill -9
    ip netns delete "$host" 2>/dev/null
  done
  rm -rf "$folder"
}
ranks_on() { ip netns pids "$1" | xargs -r ps -o comm= -p | grep -c '^ranvier_test'; }

rank='rank 1 \(process [0-9]+ on [^)]+\)'
case $case in
  promises-*) run mpi -np "${case#promises-}" ;;
  networks-*) run mpi-networks -np "${case#networks-}" ;;
  killed)
    fails mpi-killed -np 2
    says 'rank 1 with PID [0-9]+ on node .* exited on signal 9'  # mpirun's words
    ;;
  stopped)
    fails mpi-stopped -np 2
    says "^rank 0 .*$rank has been silent for 2 s: it hangs, was stopped, or the network is down"
    ;;
  throws)
    fails mpi-throws -np 2
    says "^$rank: \[loss\] the loss is nan"
    says "^rank 0 .*$rank gave up: \[loss\] the loss is nan"
    ;;
  waits)
    fails mpi-waits -np 2
    says "^rank [01] .* have been waiting for each other for 2 s, this one on channel 'state'"
    ;;
  hosts)
    hosts_up
    run mpi "${over_tcp[@]}"
    ;;
  cut)
    hosts_up
    start mpi-talks "${over_tcp[@]}" &
    sleep 3
    (($(ranks_on "$a") == 1 && $(ranks_on "$b") == 1)) || die 'there is not one rank on each host'
    ip -n "$a" link set link0 down
    # The ranks end by themselves. mpirun waits for the other host, for as long as TCP has hope.
    while (($(ranks_on "$a") + $(ranks_on "$b"))) && ((SECONDS - began < 30)); do sleep 0.2; done
    cat "$log"
    echo "ranks ended after $((SECONDS - began)) s"
    (($(ranks_on "$a") + $(ranks_on "$b") == 0)) || die 'ranks were left after 30 s'
    says "^rank 0 .*$rank has been silent for 2 s: it hangs, was stopped, or the network is down"
    ;;
  *) usage >&2; exit 2 ;;
esac
