// Launches the CUDA engine of recurrent neurons: a file for each number type names `run_forward`
// and `run_backward`.
#pragma once

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/neurons/detail/held_matrix.h"
#include "ranvier/ops/neurons/detail/recurrent_device.h"

namespace ranvier::neurons::device {

/// A block for each row, with `bytes` of shared memory for what its neurons hear.
inline cuda::Grid grid_of_rows(std::int64_t rows, std::int64_t columns, int threads,
                               std::size_t bytes) {
  constexpr std::size_t most_bytes = 48 << 10;
  RV_CHECK(bytes <= most_bytes,
           "[{}] rows of {} neurons need {} bytes of a CUDA device's shared memory; {} are there.",
           recurrent_op, columns, bytes, most_bytes);
  return {static_cast<unsigned>(rows), static_cast<unsigned>(threads), bytes};
}

template <class Model, class R>
void launch_recurrent_forward(Device device, const RecurrentInput<R>& in,
                              const RecurrentOutput<R>& out) {
  const auto params = typed<typename Model::template Params<R>>(in.program.params);
  cuda::launch(recurrent_op, device,
               grid_of_rows(in.rows, in.columns, row_threads(in.columns),
                            RowOutputs<Model, R>::shared_bytes(in.columns)),
               recurrent_forward<Model, R>, in, out, params);
}

template <class Model, class Slope, class R>
void launch_recurrent_backward(Device device, const RecurrentBackwardArgs<R>& args) {
  const auto params = typed<typename Model::template Params<R>>(args.in.program.params);
  const auto slope = slope_of<Slope>(args.in.program);
  const std::int64_t columns = args.in.columns;
  const auto run = [&]<class Later>(ranvier::detail::Type<Later>, int threads) {
    cuda::launch(recurrent_op, device,
                 grid_of_rows(args.in.rows, columns, threads, Later::shared_bytes(columns)),
                 recurrent_backward<Model, Slope, R, Later>, args, params, slope);
  };
  if constexpr (std::is_same_v<R, float>)  // a matrix of f64 would not fit the registers
    if (columns <= HeldMatrix::most_columns)
      return run(ranvier::detail::Type<HeldMatrix>{}, HeldMatrix::threads);
  run(ranvier::detail::Type<RowValues<R>>{}, row_threads(columns));
}

/// The launchers of every model with every surrogate.
template <class R>
struct RecurrentTable {
  void (*forward[AllNeurons::size])(Device, const RecurrentInput<R>&, const RecurrentOutput<R>&);
  void (*backward[AllNeurons::size][AllSurrogates::size])(Device, const RecurrentBackwardArgs<R>&);
};

template <class R>
constexpr RecurrentTable<R> recurrent_table() {
  RecurrentTable<R> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    table.forward[model] = launch_recurrent_forward<Model, R>;
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      table.backward[model][surrogate] =
          launch_recurrent_backward<Model, DeviceSlope<Model, Surrogate, R>, R>;
    });
  });
  return table;
}

template <class R>
inline constexpr RecurrentTable<R> rows_table = recurrent_table<R>();

/// Memory of a device for one pass, handed out piece by piece.
template <class R>
class RowScratch {
 public:
  RowScratch(std::int64_t count, Device device)
      : storage_(static_cast<std::size_t>(count) * sizeof(R), device),
        next_(reinterpret_cast<R*>(storage_.data())) {}
  R* take(std::int64_t count) {
    R* const taken = next_;
    next_ += count;
    return taken;
  }

 private:
  Storage storage_;
  R* next_;
};

/// Gives each state variable memory to be kept in that has none.
template <class R>
void keep_states(R* (&states)[max_states], const RecurrentInput<R>& in, RowScratch<R>& scratch) {
  for (int k = 0; k < in.program.states; ++k)
    if (states[k] == nullptr) states[k] = scratch.take(in.step());
}

template <class R>
void run_recurrent_forward(Device device, const RecurrentInput<R>& in,
                           const RecurrentOutput<R>& wanted) {
  if (in.step() == 0) return;
  RecurrentOutput<R> out = wanted;
  RowScratch<R> scratch(in.program.states * in.step(), device);
  keep_states(out.state, in, scratch);
  rows_table<R>.forward[in.program.model](device, in, out);
}

template <class R>
void transpose(Device device, const R* matrix, std::int64_t size, R* transposed) {
  cuda::for_each(recurrent_op, device, size * size, [=] __device__(std::int64_t i) {
    transposed[i] = matrix[i % size * size + i / size];
  });
}

template <class R>
void run_recurrent_backward(Device device, const RecurrentInput<R>& in, const R* currents,
                            const RecurrentGradInput<R>& grad_in,
                            const RecurrentGradOutput<R>& grad_out) {
  const std::int64_t states = in.program.states * in.step();
  const std::int64_t kept = std::min(checkpoint_interval, in.steps);
  const bool learns = grad_out.learnables != nullptr;
  RowScratch<R> scratch(in.columns * in.columns + states * (1 + kept), device);
  const Storage sums(learns ? static_cast<std::size_t>(in.rows * in.program.learnables) * 8 : 0,
                     device);
  double* const shares = learns ? reinterpret_cast<double*>(sums.data()) : nullptr;
  if (in.step() > 0) {
    RecurrentBackwardArgs<R> args{in, currents, grad_in, grad_out, nullptr, shares};
    R* const transposed = scratch.take(in.columns * in.columns);
    transpose(device, in.weight, in.columns, transposed);
    args.in.weight = transposed;
    args.before = scratch.take(states * kept);
    keep_states(args.grad_out.state, in, scratch);
    rows_table<R>.backward[in.program.model][in.program.surrogate](device, args);
  }
  if (learns)
    cuda::launch(recurrent_op, device, {static_cast<unsigned>(in.program.learnables), threads},
                 add_shares, shares, static_cast<unsigned>(in.step() > 0 ? in.rows : 0),
                 grad_out.learnables);
}

}  // namespace ranvier::neurons::device
