#include "ranvier/distributed/mesh.h"

#include <vector>

namespace ranvier {
namespace {

MeshShape checked(const Transport& transport, MeshShape shape) {
  RV_CHECK(shape.data >= 1 && shape.time >= 1,
           "[mesh] data and time shards must be >= 1; got {} x {}.", shape.data, shape.time);
  RV_CHECK(shape.ranks() == transport.size(),
           "[mesh] {} data x {} time shards need {} ranks, but {} were started.", shape.data,
           shape.time, shape.ranks(), transport.size());
  return shape;
}

Group ranks_from(Transport& transport, int first, int count, int distance) {
  std::vector<int> ranks;
  for (int i = 0; i < count; ++i) ranks.push_back(first + i * distance);
  return {transport, std::move(ranks)};
}

}  // namespace

Mesh::Mesh(Transport& transport, MeshShape shape)
    : shape_(checked(transport, shape)),
      all_(Group::all(transport)),
      time_row_(ranks_from(transport, data_index() * shape.time, shape.time, 1)),
      data_column_(ranks_from(transport, time_index(), shape.data, shape.time)) {}

}  // namespace ranvier
