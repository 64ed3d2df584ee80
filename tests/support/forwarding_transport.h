// Another transport under a name of one's own.
#pragma once

#include <string>

#include "ranvier/distributed/transport.h"

namespace ranvier::test {

/// Sends and receives by `inner`, which must outlive it.
class ForwardingTransport : public Transport {
 public:
  explicit ForwardingTransport(Transport& inner) : inner_(inner) {}

  std::string_view kind() const override { return inner_.kind(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::string describe(int rank) const override { return inner_.describe(rank); }
  bool arrived(int from, Channel channel) override { return inner_.arrived(from, channel); }
  void flush() override { inner_.flush(); }
  void abort(const std::string& reason) override { inner_.abort(reason); }
  std::string trouble() const override { return inner_.trouble(); }

 protected:
  void do_send(const Tensor& message, int to, Channel channel) override {
    inner_.send(message, to, channel);
  }
  Tensor do_receive(const Shape& shape, const TensorOptions& options, int from,
                    Channel channel) override {
    return inner_.receive(shape, options, from, channel);
  }

 private:
  Transport& inner_;
};

}  // namespace ranvier::test
