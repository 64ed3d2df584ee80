#include "ranvier/distributed/detail/mpi_link.h"
#include "ranvier/distributed/detail/network_interfaces.h"
#include "ranvier/distributed/mpi_transport.h"

namespace ranvier {
namespace {

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(const TransportOptions& options) : link_(options) {}

  std::string_view kind() const override { return "mpi"; }
  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }
  std::string describe(int rank) const override { return link_.mailboxes().name(rank); }
  bool arrived(int from, Channel channel) override {
    return link_.mailboxes().holds(from, channel);
  }
  void flush() override { link_.flush(); }
  void abort(const std::string& reason) override { link_.abort(reason); }
  std::string trouble() const override { return link_.mailboxes().trouble(); }

 private:
  void do_send(const Tensor& message, int to, Channel channel) override {
    link_.send(to, channel, message.to(cpu_device));
  }
  Tensor do_receive(const Shape&, const TensorOptions&, int from, Channel channel) override {
    return link_.mailboxes().take(from, channel);
  }

  detail::MpiLink link_;
};

}  // namespace

std::unique_ptr<Transport> open_mpi(const TransportOptions& options) {
  detail::check_network_interfaces();
  return std::make_unique<MpiTransport>(options);
}

}  // namespace ranvier
