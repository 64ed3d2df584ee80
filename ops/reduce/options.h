// What all reductions take besides their tensor and its axes.
#pragma once

namespace ranvier {

struct ReduceOptions {
  bool keepdim = false;  ///< reduced axes stay, with extent 1
};

}  // namespace ranvier
