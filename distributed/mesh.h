// How ranks share the work: some share the samples of a batch, some the steps of time.
#pragma once

#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/transport.h"

namespace ranvier {

/// Ranks along each axis.
struct MeshShape {
  int data = 1;
  int time = 1;

  int ranks() const { return data * time; }
};

/// The ranks of a transport as data x time. Neighbours in time have neighbouring numbers, as they
/// talk most: rank = data index * time shards + time index.
class Mesh {
 public:
  /// Error: an extent < 1; another number of ranks than `transport` has.
  Mesh(Transport& transport, MeshShape shape);

  const MeshShape& shape() const { return shape_; }
  int data_index() const { return all_.index() / shape_.time; }
  int time_index() const { return all_.index() % shape_.time; }
  Transport& transport() const { return all_.transport(); }

  const Group& all() const { return all_; }
  /// Ranks with the same samples, by rising time.
  const Group& time_row() const { return time_row_; }
  /// Ranks with the same steps.
  const Group& data_column() const { return data_column_; }

 private:
  MeshShape shape_;
  Group all_, time_row_, data_column_;
};

}  // namespace ranvier
