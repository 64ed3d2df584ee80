// HDF5's C interface with owned handles and errors instead of status codes.
#pragma once

#define H5_USE_110_API  // newer releases keep the functions of 1.10 under this name
#include <hdf5.h>

#include <string>
#include <utility>

#include "ranvier/core/error.h"

namespace ranvier::detail {

/// Closes an HDF5 object when it goes.
class H5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  H5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~H5Handle() {
    if (id_ >= 0) close_(id_);
  }
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  H5Handle& operator=(H5Handle&&) = delete;

  hid_t get() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

/// Keeps HDF5 from printing its error stack while alive: what failed is in our message.
class QuietHdf5 {
 public:
  QuietHdf5() {
    H5Eget_auto2(H5E_DEFAULT, &print_, &context_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietHdf5() { H5Eset_auto2(H5E_DEFAULT, print_, context_); }
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* context_ = nullptr;
};

/// What HDF5 says about its last failure: the description nearest to the cause.
std::string hdf5_failure();

/// Says which file and step an HDF5 call belongs to, when it fails.
class H5Context {
 public:
  /// `reader` is the tag of error texts, `file` the name in them.
  H5Context(const char* reader, std::string file) : reader_(reader), file_(std::move(file)) {}

  /// `status` of a call that is to `step`: "open the group tensors". Error: it is negative.
  template <class Status>
  Status check(Status status, const std::string& step) const {
    if (status < 0)
      fail(ErrorCode::format, "[{}] {}: HDF5 cannot {}: {}.", reader_, file_, step, hdf5_failure());
    return status;
  }
  H5Handle own(hid_t id, H5Handle::Close close, const std::string& step) const {
    return H5Handle(check(id, step), close);
  }

 private:
  const char* reader_;
  std::string file_;
};

}  // namespace ranvier::detail
