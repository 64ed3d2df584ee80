#!/usr/bin/env bash
# Trains with mpirun, disturbs it, and compares with the run of one process.
set -uo pipefail

usage() {
  cat <<'END'
Usage: tests/apps/ranks.sh TRAINER TESTS CASE

TRAINER is ranvier-shd, TESTS ranvier_test_apps; CASE one of

  same      1, 2 and 4 ranks on any mesh follow the same losses
  feeds     so they do from every feed, with recordings of any length, in both event trainers
  images    ranks test a network for images as one does, whatever they share
  elastic   a run that 2 ranks began goes on with 4, and then with 1
  killed    a rank is killed in an epoch: all end, and the run is resumed as if nothing had been
  stopped   SIGTERM: all finish the step and leave a checkpoint, from which the run goes on
  differ    a rank has another option: all are told which
  nccl      ranks with a GPU each follow one, and do the same as graphs and step by step
  lost      one of those is killed, another hangs: all end, told who it was, and the run goes on
  slurm     srun starts the ranks, and SLURM's signals stop them; skipped where there is no SLURM
END
}

if (($# != 3)); then usage >&2; exit 2; fi
trainer=$1 tests=$2 case=$3

skip() { echo "skipped: $1"; exit 0; }
die() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }

command -v mpirun >/dev/null || skip 'mpirun is not installed (cmake/install_packages.sh mpi)'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
parent=${TMPDIR:-/tmp}
[[ $case == slurm ]] && parent=$(dirname "$trainer")  # where all machines of a cluster find it
folder=$(mktemp -d -p "$parent")
trap 'rm -rf "$folder"' EXIT

# Generated spike trains.
train=("$trainer" --dataset randman --cache-dir "$folder/data" --hidden 64 --layers 2
  --batch-size 16 --lr 1e-3 --deterministic --threads 1
  --model adaptive --dropout 0.1)
# Spikes are thresholds: sums that are rounded otherwise let runs part in time, so short ones follow
# the same losses, and longer ones are disturbed.
short=(--test-samples 64 --train-samples 320 --epochs 2) long=(--test-samples 64 --epochs 4)
alone() {  # RUN ARGUMENTS...
  "${train[@]}" --output-dir "$folder/$1" "${@:2}" >"$folder/$1.log" 2>&1
}
ranks() {  # NUMBER RUN ARGUMENTS...
  timeout --kill-after=1 100 mpirun --oversubscribe --bind-to none "${grace[@]}" -np "$1" \
    "${train[@]}" --output-dir "$folder/$2" "${@:3}" >"$folder/$2.log" 2>&1
}
grace=()  # what mpirun leaves ranks to end after a signal; without it a second
shows() {  # RUN: what became of it
  echo "== $1"
  tail -n 12 "$folder/$1.log"
}
says() { grep -qE "$2" "$folder/$1.log" || { shows "$1"; die "$1 has no line like '$2'"; }; }

# Losses and accuracies of every epoch, to three digits: sums of gradients have another order.
same_metrics() {  # RUN RUN
  local run
  for run in "$1" "$2"; do
    cut -d, -f1-5 "$folder/$run/metrics.csv" |
      awk -F, 'NR > 1 { printf "%d %.3g %.3g %.3g %.3g\n", $1, $2, $3, $4, $5 }' >"$folder/$run.txt"
  done
  diff "$folder/$1.txt" "$folder/$2.txt" || die "$1 and $2 have other losses"
}

# Bit for bit the same network.
same_weights() {  # RUN RUN
  RANVIER_CHECKPOINTS="$folder/$1/checkpoint.h5:$folder/$2/checkpoint.h5" \
    "$tests" '[.same-weights]' || die "$1 and $2 have other weights"
}

# GPUs that ranks can have, emulated or not.
needs_gpus() {  # NUMBER
  local found
  found=$("$(dirname "$trainer")/ranvier-info" | grep -cE '^ +(devices +)?cuda:[0-9]+ ')
  ((found >= $1)) && return
  [[ -z ${RANVIER_REQUIRE_CUDA:-} ]] || die "there are $found of $1 GPUs"
  skip "there are $found of $1 GPUs; -DRANVIER_CUDA=EMULATED makes some"
}

# Sends a signal to one rank of RUN once it has finished epoch E.
disturb() {  # RUN E SIGNAL
  local i
  for i in $(seq 600); do
    if grep -q "^epoch $2/" "$folder/$1.log"; then
      pkill "-$3" -n -f "output-dir $folder/$1" || die "$1 has ended before it was disturbed"
      return
    fi
    sleep 0.05
  done
  shows "$1"
  die "$1 never finished epoch $2"
}

case $case in
  same)
    alone one "${short[@]}" || { shows one; die 'one rank fails'; }
    ranks 2 two "${short[@]}" --time-shards 2 || { shows two; die 'two ranks fail'; }
    ranks 4 four "${short[@]}" --time-shards 2 --data-shards 2 || { shows four; die 'four ranks fail'; }
    ranks 2 data "${short[@]}" || { shows data; die 'two data shards fail'; }
    says two '^2 ranks over mpi: 1 data x 2 time shards'
    says two '^predicted: a step takes [0-9.]+ ms'
    says two '^measured: a step takes [0-9.]+ ms'
    for run in two four data; do same_metrics one "$run"; done
    ;;
  feeds)
    RANVIER_FOLDER="$folder" "$tests" '[.small-events]' >/dev/null || die 'there is no data'
    trains=("$trainer" --dataset fsdd --data-dir "$folder/trains" --time-step 2 --duration 40
      --channels 20 --hidden 12 --drop 0)
    digits=("$(dirname "$trainer")/ranvier-events" --data-dir "$folder/digits" --steps 7 --size 17
      --blocks 2 --channels 4 --bn-mode step)
    for feed in file disk device; do
      for program in trains digits; do
        declare -n chosen=$program
        train=("${chosen[@]}" --feed "$feed" --cache-dir "$folder/cache" --batch-size 8 --lr 1e-3
          --epochs 1 --deterministic --threads 1)
        alone "one-$program-$feed" || { shows "one-$program-$feed"; die 'one rank fails'; }
        run=three-$program-$feed
        ranks 3 "$run" --time-shards 3 || { shows "$run"; die 'three ranks fail'; }
        same_metrics "one-$program-$feed" "$run"
      done
    done
    ;;
  images)
    RANVIER_FOLDER="$folder" "$tests" '[.small-images]' >/dev/null || die 'there is no data'
    train=("$(dirname "$trainer")/ranvier-fashion-mnist" --data-dir "$folder" --channels 4
      --batch-size 8 --epochs 1 --deterministic --threads 1)
    alone one || { shows one; die 'one rank fails'; }
    tested=(--eval-only --resume "$folder/one/checkpoint.h5")
    alone again "${tested[@]}" || { shows again; die 'one rank cannot test'; }
    ranks 3 three "${tested[@]}" --time-shards 3 || { shows three; die 'three ranks cannot test'; }
    ranks 4 four "${tested[@]}" --time-shards 2 || { shows four; die 'four ranks cannot test'; }
    for run in three four; do
      diff <(grep '^test loss' "$folder/again.log") <(grep '^test loss' "$folder/$run.log") ||
        die "$run has another result"
    done
    ;;
  elastic)
    grace=(--mca odls_base_sigkill_timeout 30)
    ranks 2 moved "${long[@]}" --time-shards 2 &
    disturb moved 1 TERM
    wait $!
    says moved '^stopped; the same command with --resume goes on'
    ranks 4 moved "${long[@]}" --data-shards 4 --resume &
    disturb moved 2 TERM
    wait $!
    says moved '^stopped; the same command with --resume goes on'
    alone moved "${long[@]}" --resume || { shows moved; die 'one rank fails'; }
    says moved '^resumed from .*: epoch 3, batch [0-9]+'
    says moved '^best test accuracy'
    ;;
  killed)
    ranks 2 two "${long[@]}" --time-shards 2 || { shows two; die 'two ranks fail'; }
    ranks 2 hurt "${long[@]}" --time-shards 2 &
    disturb hurt 1 KILL
    began=$SECONDS
    wait $! && die 'the run ended well'
    shows hurt
    echo "ended after $((SECONDS - began)) s"
    ((SECONDS - began < 30)) || die 'it took 30 s'
    says hurt 'rank [01] with PID [0-9]+ on node .* exited on signal 9'
    ranks 2 hurt "${long[@]}" --time-shards 2 --resume || { shows hurt; die 'it cannot be resumed'; }
    says hurt '^resumed from .*: epoch 2, batch 0'
    same_weights two hurt
    ;;
  stopped)
    grace=(--mca odls_base_sigkill_timeout 30)
    ranks 2 two "${long[@]}" --time-shards 2 || { shows two; die 'two ranks fail'; }
    ranks 2 paused "${long[@]}" --time-shards 2 &
    disturb paused 1 TERM
    wait $!
    says paused '^stopped; the same command with --resume goes on'
    ranks 2 paused "${long[@]}" --time-shards 2 --resume || { shows paused; die 'it cannot be resumed'; }
    same_weights two paused
    ;;
  differ)
    differ() {  # ARGUMENT_OF_RANK_1... WHAT_IS_SAID
      mpirun --oversubscribe -np 1 "${train[@]}" --output-dir "$folder/a" --time-shards 2 : \
        -np 1 "${train[@]}" --output-dir "$folder/a" "${@:1:$#-1}" \
        >"$folder/differ.log" 2>&1 && die 'ranks that differ trained'
      says differ "rank 1 \(process [0-9]+ on [^)]+\) has ${!#}"
    }
    differ --time-shards 2 --seed 7 '--seed 7 \(not 0\)'
    differ --data-shards 2 '--time-shards 1 \(not 2\), --data-shards 2 \(not 1\)'
    differ --time-shards 2 --graph off '--graph off \(not on\)'
    differ --time-shards 2 --test-samples 32 '.*test data .*, 32 samples, [0-9a-f]+ \(not .*samples'
    ;;
  nccl)
    needs_gpus 4
    RANVIER_FOLDER="$folder" "$tests" '[.small-images]' >/dev/null || die 'there are no images'
    RANVIER_FOLDER="$folder" "$tests" '[.small-events]' >/dev/null || die 'there are no events'
    common=(--batch-size 8 --lr 1e-3 --epochs 2 --deterministic --threads 1 --device cuda)
    images=("$(dirname "$trainer")/ranvier-fashion-mnist" --data-dir "$folder" --channels 4
      --train-samples 32 --test-samples 16 --shift "${common[@]}")
    digits=("$(dirname "$trainer")/ranvier-events" --data-dir "$folder/digits" --steps 7 --size 17
      --blocks 2 --channels 4 "${common[@]}")
    trains=("$trainer" --dataset fsdd --data-dir "$folder/trains" --time-step 2 --duration 40
      --channels 20 --hidden 12 --drop 0 "${common[@]}")
    for run in 'images' 'images --bn-mode step' 'digits --feed device' 'trains --feed file'; do
      set -- $run
      declare -n chosen=$1
      train=("${chosen[@]}" "${@:2}")
      alone one || { shows one; die "one GPU fails: $run"; }
      for graph in on off; do
        ranks 4 "$graph" --transport nccl --time-shards 2 --graph "$graph" ||
          { shows "$graph"; die "four GPUs fail: $run"; }
        says "$graph" '^4 ranks over nccl .*: 2 data x 2 time shards'
        grep 'not recorded' "$folder/$graph.log" && die "steps are not recorded: $run"
      done
      same_metrics one on
      same_weights on off
      rm -r "$folder"/{one,on,off}
    done
    ;;
  lost)
    needs_gpus 2
    train+=(--device cuda --transport nccl --time-shards 2 --duration 20 --patience 3
      --train-samples 64 --test-samples 32 --epochs 4)
    ranks 2 two || { shows two; die 'two GPUs fail'; }
    declare -A told=([KILL]='rank [01] with PID [0-9]+ on node .* exited on signal 9'
      [STOP]='rank [01] \(process [0-9]+ on [^)]+\) has been silent for 3 s')
    for fault in KILL STOP; do
      ranks 2 "$fault" &
      disturb "$fault" 1 "$fault"
      began=$SECONDS
      wait $! && die 'the run ended well'
      shows "$fault"
      echo "ended after $((SECONDS - began)) s"
      ((SECONDS - began < 30)) || die 'it took 30 s'
      says "$fault" "${told[$fault]}"
      grep -E 'finite|--lr' "$folder/$fault.log" && die 'the numbers are blamed'
      ranks 2 "$fault" --resume || { shows "$fault"; die 'it cannot be resumed'; }
      same_weights two "$fault"
    done
    ;;
  slurm)
    command -v srun >/dev/null || skip 'srun is not installed'
    srun -n 2 --mpi=pmix --immediate=10 "$trainer" --help >/dev/null 2>&1 ||
      skip 'no SLURM here has PMIx and two free processors that find the program'
    tasks() {  # RUN ARGUMENTS...
      timeout --kill-after=1 100 srun -n 2 --mpi=pmix --job-name "$1" \
        "${train[@]}" --output-dir "$folder/$1" "${@:2}" >"$folder/$1.log" 2>&1
    }
    alone one "${short[@]}" || { shows one; die 'one rank fails'; }
    tasks two "${short[@]}" --time-shards 2 || { shows two; die 'two tasks fail'; }
    says two '^2 ranks over mpi: 1 data x 2 time shards'
    same_metrics one two

    tasks paused "${long[@]}" --time-shards 2 &
    until grep -qs '^epoch 1/' "$folder/paused.log" || ! kill -0 $!; do sleep 0.05; done
    scancel --signal TERM "$(squeue --noheader --name paused --format %i)"
    wait $!
    says paused '^stopped; the same command with --resume goes on'

    srun -n 2 --mpi=none "${train[@]}" --output-dir "$folder/strangers" \
      >"$folder/strangers.log" 2>&1 && die 'processes that do not know of each other trained'
    says strangers 'srun started 2 processes that do not know of each other'
    ;;
  *) usage >&2; exit 2 ;;
esac
