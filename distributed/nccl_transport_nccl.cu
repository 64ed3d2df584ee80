// The transport over NCCL. Work is ordered between the streams of its channels and the device's by
// events.
#include <nccl.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/graph_recording.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/detail/message_layout.h"
#include "ranvier/distributed/detail/nccl_library.h"
#include "ranvier/distributed/detail/nccl_links.h"
#include "ranvier/distributed/detail/nccl_work.h"

namespace ranvier::cuda {
namespace {

using std::chrono::milliseconds;

int version_number() {
  int number = 0;
  check_nccl("ncclGetVersion", ncclGetVersion(&number));
  return number;
}

std::string version() {
  const int number = version_number();
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

/// Messages of communicators that share a GPU may wait for each other for ever, unless all ranks
/// ask for them in one order and NCCL launches them in it. It does so if it is told before its
/// first.
void keep_order_of_launches() {
  if (version_number() < NCCL_VERSION(2, 26, 0))
    fail(ErrorCode::communication,
         "[nccl] NCCL {} does not keep the order of messages of several channels; it must be 2.26 "
         "or later.",
         version());
  constexpr int unless_set = 0;
  ::setenv("NCCL_LAUNCH_ORDER_IMPLICIT", "1", unless_set);
}

/// Of gradients: they are large, and the same arrays in every step.
constexpr Channel registered_channels[] = {Channel::addend, Channel::sum};

class NcclTransport final : public Transport {
 public:
  NcclTransport(Transport& hosts, Device device)
      : hosts_(hosts), device_(device), links_(std::make_shared<NcclLinks>(device)) {
    stream(device_);  // makes the device the current one
    for (int i = 0; i < channel_count; ++i)
      if (const auto channel = static_cast<Channel>(i); channel != Channel::control)
        connect((*links_)[channel]);
    register_memory();
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
    if (!trouble().empty()) links_->abort();
    links_->wait();
  }

  std::string_view kind() const override { return "nccl"; }
  int rank() const override { return hosts_.rank(); }
  int size() const override { return hosts_.size(); }
  std::string describe(int rank) const override {
    return fmt::format("{} with {}", hosts_.describe(rank),
                       rank == hosts_.rank() ? to_string(device_) : "its GPU");
  }
  std::string details() const override {
    return fmt::format("NCCL {}, gradients {}", version(),
                       why_unregistered_.empty()
                           ? "in registered memory"
                           : "not in registered memory: " + why_unregistered_);
  }
  bool recordable() const override { return true; }
  bool arrived(int, Channel) override { return true; }
  std::string trouble() const override {
    const std::lock_guard lock(mutex_);
    return error_.empty() ? found() : error_;
  }
  void abort(const std::string& reason) override {
    {
      const std::lock_guard lock(mutex_);
      give_up(reason);
    }
    hosts_.abort(reason);
  }
  void flush() override {
    if (GraphRecording::current() != nullptr) {
      if (const auto recorded = recorded_.lock()) recorded->join(stream(device_));
    } else {
      for (auto& work : under_way_)
        while (!settled(work)) std::this_thread::sleep_for(milliseconds(1));
    }
    hosts_.flush();
  }

 private:
  using Queue = std::deque<std::shared_ptr<UnderWay>>;
  struct Moved {
    std::shared_ptr<UnderWay> work;
    std::vector<Tensor> messages;
  };

  bool over_hosts(Device device, Channel channel) const {
    if (device == cpu_device || channel == Channel::control) return true;
    RV_CHECK(device == device_, "[nccl] the arrays of {} are on {}; got one on {}.",
             hosts_.describe(rank()), device_, device);
    return false;
  }
  std::deque<Tensor>& own_messages(Channel channel) {
    return own_messages_[static_cast<std::size_t>(channel)];
  }

  void do_send(const Tensor& message, int to, Channel channel) override {
    if (over_hosts(message.device(), channel)) return hosts_.send(message, to, channel);
    if (to == rank()) return own_messages(channel).push_back(clone(message));
    move(channel, {{to, message}}, {});
  }

  Tensor do_receive(const Shape& shape, const TensorOptions& options, int from,
                    Channel channel) override {
    if (over_hosts(options.device, channel)) return hosts_.receive(shape, options, from, channel);
    if (from == rank()) {
      std::deque<Tensor>& messages = own_messages(channel);
      if (messages.empty())
        fail(ErrorCode::communication,
             "[nccl] {} waits on channel '{}' for a message of its own that it has not sent.",
             describe(from), name(channel));
      Tensor message = std::move(messages.front());
      messages.pop_front();
      return message;
    }
    auto [work, messages] = move(channel, {}, {{from, shape, options}});
    return NcclExchange(std::move(work), std::move(messages), device_).finish()[0];
  }

  std::unique_ptr<Exchange> do_exchange(const std::vector<ToSend>& sends,
                                        std::vector<Expected> expected, Channel channel) override {
    bool hosts = true;
    for (const ToSend& each : sends) hosts &= over_hosts(each.message.device(), channel);
    for (const Expected& each : expected) hosts &= over_hosts(each.options.device, channel);
    if (hosts) return hosts_.exchange(sends, std::move(expected), channel);
    auto [work, messages] = move(channel, sends, expected);
    return std::make_unique<NcclExchange>(std::move(work), std::move(messages), device_);
  }

  /// Asks for messages as one group: none of them waits for another.
  Moved move(Channel channel, const std::vector<ToSend>& sends,
             const std::vector<Expected>& expected) {
    const auto work = std::make_shared<UnderWay>();
    Queue& queue = under_way_[static_cast<std::size_t>(channel)];
    GraphRecording* const recording = GraphRecording::current();
    if (recording == nullptr) settled(queue);
    const std::lock_guard lock(mutex_);
    check_error();
    const NcclLink& link = (*links_)[channel];
    std::vector<Tensor> messages = room_for(expected, link);
    work->done.record(stream(device_));  // the arrays are complete, and new ones are free
    work->done.hold_back(link.stream);
    const std::vector<Tensor> sent = readable(sends, link);
    post(link, sends, sent, expected, messages);
    work->done.record(link.stream);
    for (const ToSend& each : sends) work->arrays.push_back(each.message.detach());
    work->arrays.insert(work->arrays.end(), sent.begin(), sent.end());
    work->arrays.insert(work->arrays.end(), messages.begin(), messages.end());
    if (recording == nullptr)
      queue.push_back(work);
    else
      add_to(*recording, work);
    return {work, std::move(messages)};
  }

  void post(const NcclLink& link, const std::vector<ToSend>& sends, const std::vector<Tensor>& sent,
            const std::vector<Expected>& expected, std::vector<Tensor>& messages) {
    ncclResult_t result = ncclGroupStart();
    for (std::size_t i = 0; i < sends.size(); ++i)
      if (result == ncclSuccess && sent[i].nbytes() > 0)
        result = ncclSend(sent[i].raw_data(), bytes_of(sent[i]), ncclUint8, sends[i].to,
                          link.communicator, link.stream);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (result == ncclSuccess && messages[i].nbytes() > 0)
        result = ncclRecv(messages[i].mutable_raw_data(), bytes_of(messages[i]), ncclUint8,
                          expected[i].from, link.communicator, link.stream);
    const ncclResult_t end = ncclGroupEnd();  // whatever came before
    check_nccl("ncclSend or ncclRecv", result);
    check_nccl("ncclGroupEnd", end);
    wait_until_accepted(link.communicator);
  }

  static std::size_t bytes_of(const Tensor& array) {
    return static_cast<std::size_t>(array.nbytes());
  }

  /// Arrays for NCCL to write to.
  static std::vector<Tensor> room_for(const std::vector<Expected>& expected, const NcclLink& link) {
    if (link.memory && !expected.empty()) {
      const detail::MessageLayout layout = detail::lay_out(expected);
      return layout.in(registered_block(layout.bytes, link));
    }
    std::vector<Tensor> room;
    for (const Expected& each : expected) room.push_back(empty(each.shape, each.options));
    return room;
  }

  /// What is sent, where NCCL may read it: on a link with registered memory both ends of a message
  /// have to lie in it.
  static std::vector<Tensor> readable(const std::vector<ToSend>& sends, const NcclLink& link) {
    if (link.memory && !sends.empty()) {
      const detail::MessageLayout layout = detail::lay_out(sends);
      const std::shared_ptr<Storage> block = registered_block(layout.bytes, link);
      for (const auto& [source, from, to, at] : layout.spans)
        check("nccl", cudaMemcpyAsync(block->data() + at, source->data() + from,
                                      static_cast<std::size_t>(to - from), cudaMemcpyDeviceToDevice,
                                      link.stream));
      return layout.in(block);
    }
    std::vector<Tensor> messages;
    for (const ToSend& each : sends) messages.push_back(each.message.detach());
    return messages;
  }

  static std::shared_ptr<Storage> registered_block(std::int64_t bytes, const NcclLink& link) {
    std::shared_ptr<Storage> block = link.memory->take(bytes);
    if (GraphRecording* const recording = GraphRecording::current()) recording->keep(block);
    return block;
  }

  void add_to(GraphRecording& recording, const std::shared_ptr<UnderWay>& work) {
    work->recorded = true;
    std::shared_ptr<RecordedWork> recorded = recorded_.lock();
    if (!recorded) {  // the first of this recording, which holds it
      recorded = std::make_shared<RecordedWork>();
      recorded_ = recorded;
      recording.keep(links_);
      recording.before_end([recorded, device = device_] { recorded->join(stream(device)); });
    }
    recorded->add(work);
  }

  /// Lets go of the arrays of work that is done; true if all is.
  bool settled(Queue& queue) {
    const std::lock_guard lock(mutex_);
    check_error();
    while (!queue.empty() && queue.front()->done.reached()) queue.pop_front();
    return queue.empty();
  }

  void connect(NcclLink& link) {
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

  /// On all ranks or on none, as one end of a message may not be registered alone.
  void register_memory() {
    std::string why_not;
    for (const Channel channel : registered_channels)
      if (why_not.empty())
        (*links_)[channel].memory =
            NcclMemory::open((*links_)[channel].communicator, device_, why_not);
    const std::vector<std::string> all = all_gather_text(Group::all(hosts_), why_not);
    for (int other = 0; other < size() && why_unregistered_.empty(); ++other)
      if (const std::string& why = all[static_cast<std::size_t>(other)]; !why.empty())
        why_unregistered_ = fmt::format("{} ({})", why, hosts_.describe(other));
    if (why_unregistered_.empty()) return;
    for (const Channel channel : registered_channels)
      if (auto memory = std::exchange((*links_)[channel].memory, nullptr)) memory->deregister();
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

  // With the mutex. What is wrong now.
  std::string found() const {
    std::string trouble = hosts_.trouble();
    for (const NcclLink& link : *links_) {
      ncclResult_t state = ncclSuccess;
      if (link.communicator == nullptr) continue;
      ncclCommGetAsyncError(link.communicator, &state);
      if (state != ncclSuccess && state != ncclInProgress && trouble.empty())
        trouble = fmt::format("NCCL reports: {}", ncclGetErrorString(state));
    }
    return trouble;
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!closing_now_.wait_for(lock, milliseconds(100),
                                  [this] { return closing_ || !error_.empty(); })) {
      const std::string trouble = found();
      if (!trouble.empty()) give_up(trouble);
    }
  }

  // With the mutex. Ends the kernels that wait for other ranks.
  void give_up(const std::string& reason) {
    if (error_.empty()) error_ = reason;
    links_->abort();
  }

  Transport& hosts_;
  const Device device_;
  const std::shared_ptr<NcclLinks> links_;
  std::string why_unregistered_;
  std::array<Queue, channel_count> under_way_;
  std::array<std::deque<Tensor>, channel_count> own_messages_;  // from this rank to itself
  std::weak_ptr<RecordedWork> recorded_;                        // of the recording that is going on

  mutable std::mutex mutex_;  // of the communicators and what follows
  std::condition_variable closing_now_;
  bool closing_ = false;
  std::string error_;
  std::thread watch_;
};

std::unique_ptr<Transport> open(Transport& hosts, Device device) {
  keep_order_of_launches();
  return std::make_unique<NcclTransport>(hosts, device);
}

constexpr detail::NcclLibrary library{.version = version, .open = open};

const bool registered = [] {
  detail::nccl_library_slot = &library;
  return true;
}();

}  // namespace
}  // namespace ranvier::cuda
