// Networks that ranks share, and whether the shares make what one rank alone makes. For any
// transport: a rank compares with the whole, which it computes itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ranvier/distributed/sharded_network.h"
#include "ranvier/layers/sequential.h"

namespace ranvier::test {

/// Which ranks take batch norm's statistics together, so that they are rounded otherwise than one
/// rank's.
enum class SharedOver { nobody, data, all };

/// A network with a batch for it.
struct ShardedCase {
  std::string name;
  std::function<Sequential()> network;
  Tensor x;       ///< [T, B, ...], or [B, ...] for a network that shows a static input
  Tensor labels;  ///< i64 [B]
  SharedOver statistics = SharedOver::nobody;
  bool static_input = false;
  StaticLayers static_layers = StaticLayers::each;
};

/// Every kind of layer that has to know which part it computes: neurons of one and several
/// variables, learnable and recurrent ones, readouts, delays, static input, batch norm of each
/// mode, dropout of both kinds, residual connections, layers whose samples ranks share; in some,
/// more neurons than fit a block.
std::vector<ShardedCase> sharded_cases();

/// The steps and samples of the case's x that belong to this rank of `mesh`.
Tensor own_part(const ShardedCase& of, const Mesh& mesh);

/// Where sharing the case over `mesh` differs from one rank that does it all in `training_steps`
/// steps, both on `device`; empty if nowhere.
std::string sharded_mismatch(const ShardedCase& of, const Mesh& mesh, int training_steps = 3,
                             const ShardOptions& options = {}, Device device = cpu_device);

/// What this rank sends in a training step of the case over `mesh`.
std::vector<MessageRecord> sharded_messages(const ShardedCase& of, const Mesh& mesh,
                                            const ShardOptions& options);

}  // namespace ranvier::test
