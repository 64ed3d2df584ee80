// The transport over NCCL. Each channel has a communicator and a stream, so that channels do not
// wait for each other; work is ordered between that stream and the device's by events.
#include <nccl.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/detail/nccl_library.h"

namespace ranvier::cuda {
namespace {

using std::chrono::milliseconds;

void check_nccl(const char* call, ncclResult_t result) {
  if (result != ncclSuccess && result != ncclInProgress)
    fail(ErrorCode::communication, "[nccl] {} failed: {}.", call, ncclGetErrorString(result));
}

/// A point in a stream's work.
class Event {
 public:
  Event() { check("nccl", cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) { check("nccl", cudaEventRecord(event_, stream)); }
  void hold_back(cudaStream_t stream) const {
    check("nccl", cudaStreamWaitEvent(stream, event_, 0));
  }
  bool reached() const {
    const cudaError_t status = cudaEventQuery(event_);
    if (status != cudaErrorNotReady) check("nccl", status);
    return status == cudaSuccess;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Work of a channel and the arrays it reads and writes, which must live until it is done.
struct UnderWay {
  std::shared_ptr<Event> done;
  std::vector<Tensor> arrays;
};

struct ChannelLink {
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr;
  std::deque<UnderWay> under_way;
  std::deque<Tensor> own_messages;  // from this rank to itself
};

class NcclExchange final : public Exchange {
 public:
  NcclExchange(std::shared_ptr<Event> done, std::vector<Tensor> messages, Device device)
      : done_(std::move(done)), messages_(std::move(messages)), device_(device) {}

  bool ready() override { return done_->reached(); }
  std::vector<Tensor> finish() override {
    done_->hold_back(stream(device_));
    return std::move(messages_);
  }

 private:
  std::shared_ptr<Event> done_;
  std::vector<Tensor> messages_;
  Device device_;
};

class NcclTransport final : public Transport {
 public:
  NcclTransport(Transport& hosts, Device device) : hosts_(hosts), device_(device) {
    stream(device_);  // makes the device the current one
    try {
      for (int i = 0; i < channel_count; ++i)
        if (static_cast<Channel>(i) != Channel::control) connect(links_[i]);
    } catch (...) {
      close();
      throw;
    }
    watch_ = std::thread([this] { watch(); });
  }

  ~NcclTransport() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    closing_now_.notify_all();
    watch_.join();
    // Kernels that wait for a lost rank end when their communicator is aborted.
    if (error_.empty() && hosts_.trouble().empty())
      for (ChannelLink& link : links_)
        if (link.stream != nullptr) cudaStreamSynchronize(link.stream);
    close();
  }

  std::string_view kind() const override { return "nccl"; }
  int rank() const override { return hosts_.rank(); }
  int size() const override { return hosts_.size(); }
  std::string describe(int rank) const override {
    return fmt::format("{} with {}", hosts_.describe(rank),
                       rank == hosts_.rank() ? to_string(device_) : "its GPU");
  }
  bool arrived(int, Channel) override { return true; }
  std::string trouble() const override {
    const std::lock_guard lock(mutex_);
    return error_.empty() ? hosts_.trouble() : error_;
  }
  void abort(const std::string& reason) override {
    {
      const std::lock_guard lock(mutex_);
      give_up(reason);
    }
    hosts_.abort(reason);
  }
  void flush() override {
    for (ChannelLink& link : links_)
      while (!settled(link)) std::this_thread::sleep_for(milliseconds(1));
    hosts_.flush();
  }

 private:
  bool over_hosts(Device device, Channel channel) const {
    if (device == cpu_device || channel == Channel::control) return true;
    RV_CHECK(device == device_, "[nccl] the arrays of {} are on {}; got one on {}.",
             hosts_.describe(rank()), device_, device);
    return false;
  }
  ChannelLink& link(Channel channel) { return links_[static_cast<std::size_t>(channel)]; }

  void do_send(const Tensor& message, int to, Channel channel) override {
    if (over_hosts(message.device(), channel)) return hosts_.send(message, to, channel);
    if (to == rank()) return link(channel).own_messages.push_back(clone(message));
    move(link(channel), {{to, message}}, {});
  }

  Tensor do_receive(const Shape& shape, const TensorOptions& options, int from,
                    Channel channel) override {
    if (over_hosts(options.device, channel)) return hosts_.receive(shape, options, from, channel);
    if (from == rank()) {
      std::deque<Tensor>& messages = link(channel).own_messages;
      if (messages.empty())
        fail(ErrorCode::communication,
             "[nccl] {} waits on channel '{}' for a message of its own that it has not sent.",
             describe(from), name(channel));
      Tensor message = std::move(messages.front());
      messages.pop_front();
      return message;
    }
    auto [done, messages] = move(link(channel), {}, {{from, shape, options}});
    done->hold_back(stream(device_));
    return messages[0];
  }

  std::unique_ptr<Exchange> do_exchange(const std::vector<ToSend>& sends,
                                        std::vector<Expected> expected, Channel channel) override {
    bool hosts = true;
    for (const ToSend& each : sends) hosts &= over_hosts(each.message.device(), channel);
    for (const Expected& each : expected) hosts &= over_hosts(each.options.device, channel);
    if (hosts) return hosts_.exchange(sends, std::move(expected), channel);
    auto [done, messages] = move(link(channel), sends, expected);
    return std::make_unique<NcclExchange>(std::move(done), std::move(messages), device_);
  }

  /// Asks for messages as one group: none of them waits for another.
  std::pair<std::shared_ptr<Event>, std::vector<Tensor>> move(
      ChannelLink& link, const std::vector<ToSend>& sends, const std::vector<Expected>& expected) {
    UnderWay work{std::make_shared<Event>(), {}};
    std::vector<Tensor> messages;
    for (const Expected& each : expected) messages.push_back(empty(each.shape, each.options));
    settled(link);
    const std::lock_guard lock(mutex_);
    check_error();
    work.done->record(stream(device_));  // the arrays are complete, and new ones are free
    work.done->hold_back(link.stream);
    ncclResult_t result = ncclGroupStart();
    for (const auto& [to, message] : sends) {
      work.arrays.push_back(message.detach());
      if (result == ncclSuccess && message.nbytes() > 0)
        result = ncclSend(message.raw_data(), bytes_of(message), ncclUint8, to, link.communicator,
                          link.stream);
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      work.arrays.push_back(messages[i]);
      if (result == ncclSuccess && messages[i].nbytes() > 0)
        result = ncclRecv(messages[i].mutable_raw_data(), bytes_of(messages[i]), ncclUint8,
                          expected[i].from, link.communicator, link.stream);
    }
    const ncclResult_t end = ncclGroupEnd();  // whatever came before
    check_nccl("ncclSend or ncclRecv", result);
    check_nccl("ncclGroupEnd", end);
    wait_until_accepted(link.communicator);
    work.done->record(link.stream);
    std::shared_ptr<Event> done = work.done;
    link.under_way.push_back(std::move(work));
    return {std::move(done), std::move(messages)};
  }

  static std::size_t bytes_of(const Tensor& array) {
    return static_cast<std::size_t>(array.nbytes());
  }

  /// Lets go of the arrays of work that is done; true if all is.
  bool settled(ChannelLink& link) {
    const std::lock_guard lock(mutex_);
    check_error();
    while (!link.under_way.empty() && link.under_way.front().done->reached())
      link.under_way.pop_front();
    return link.under_way.empty();
  }

  void connect(ChannelLink& link) {
    ncclUniqueId id{};
    if (rank() == 0) check_nccl("ncclGetUniqueId", ncclGetUniqueId(&id));
    Tensor bytes = empty({sizeof id}, {.dtype = DType::u8});
    std::memcpy(bytes.mutable_raw_data(), &id, sizeof id);
    broadcast(Group::all(hosts_), bytes);
    std::memcpy(&id, bytes.raw_data(), sizeof id);

    int lowest = 0, highest = 0;
    check("nccl", cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    check("nccl", cudaStreamCreateWithPriority(&link.stream, cudaStreamNonBlocking, highest));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    config.maxCTAs = 4;  // leaves the processors to the layers
    check_nccl("ncclCommInitRankConfig",
               ncclCommInitRankConfig(&link.communicator, size(), id, rank(), &config));
    wait_until_accepted(link.communicator);
  }

  /// Calls return before NCCL has done what they ask of it; the next may come when it has.
  void wait_until_accepted(ncclComm_t communicator) {
    for (ncclResult_t state = ncclInProgress; state == ncclInProgress;) {
      check_nccl("ncclCommGetAsyncError", ncclCommGetAsyncError(communicator, &state));
      check_nccl("communication", state);
      if (state != ncclInProgress) return;
      const std::string trouble = hosts_.trouble();
      if (!trouble.empty()) fail(ErrorCode::communication, "[nccl] {}", trouble);
      std::this_thread::yield();
    }
  }

  void check_error() const {
    if (!error_.empty()) fail(ErrorCode::communication, "[nccl] {}", error_);
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!closing_now_.wait_for(lock, milliseconds(100),
                                  [this] { return closing_ || !error_.empty(); })) {
      std::string trouble = hosts_.trouble();
      for (const ChannelLink& link : links_) {
        ncclResult_t state = ncclSuccess;
        if (link.communicator == nullptr) continue;
        ncclCommGetAsyncError(link.communicator, &state);
        if (state != ncclSuccess && state != ncclInProgress && trouble.empty())
          trouble = fmt::format("NCCL reports: {}", ncclGetErrorString(state));
      }
      if (!trouble.empty()) give_up(trouble);
    }
  }

  // With the mutex. Ends the kernels that wait for other ranks.
  void give_up(const std::string& reason) {
    if (error_.empty()) error_ = reason;
    for (ChannelLink& link : links_)
      if (link.communicator != nullptr) ncclCommAbort(std::exchange(link.communicator, nullptr));
  }

  void close() {
    for (ChannelLink& link : links_) {
      if (link.communicator != nullptr)  // nothing is under way, so that this waits for nobody
        ncclCommAbort(std::exchange(link.communicator, nullptr));
      if (link.stream != nullptr) cudaStreamDestroy(std::exchange(link.stream, nullptr));
    }
  }

  Transport& hosts_;
  const Device device_;
  std::array<ChannelLink, channel_count> links_;

  mutable std::mutex mutex_;  // of the communicators and what follows
  std::condition_variable closing_now_;
  bool closing_ = false;
  std::string error_;
  std::thread watch_;
};

std::string version() {
  int number = 0;
  check_nccl("ncclGetVersion", ncclGetVersion(&number));
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

std::unique_ptr<Transport> open(Transport& hosts, Device device) {
  return std::make_unique<NcclTransport>(hosts, device);
}

constexpr detail::NcclLibrary library{.version = version, .open = open};

const bool registered = [] {
  detail::nccl_library_slot = &library;
  return true;
}();

}  // namespace
}  // namespace ranvier::cuda
