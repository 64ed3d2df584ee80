#include "ranvier/layers/dropout.h"

namespace ranvier {

Dropout::Dropout(DropoutOptions options) : options(options) { check_dropout(options); }

}  // namespace ranvier
