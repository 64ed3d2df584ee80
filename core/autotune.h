// Whether algorithms are chosen by timing them.
#pragma once

namespace ranvier {

/// Whether products and convolutions on CUDA devices time the algorithms that cuBLASLt and cuDNN
/// propose when they meet a shape for the first time, unless that is while work is recorded, and
/// keep the fastest. All add in a fixed order, each in its own, and another run may find another
/// one fastest: only without is the same seed the same run, bit for bit. Off at first. For all
/// threads, from the next product on.
void set_autotune(bool on);
bool autotune();

}  // namespace ranvier
