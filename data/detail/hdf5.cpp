#include "ranvier/data/detail/hdf5.h"

namespace ranvier::detail {

std::string hdf5_failure() {
  std::string text = "it gives no reason";
  // Walked from the cause outwards, so the first description is the one that helps.
  const auto take_first = [](unsigned number, const H5E_error2_t* error, void* out) -> herr_t {
    if (number == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &text);
  return text;
}

}  // namespace ranvier::detail
