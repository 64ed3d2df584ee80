#include "ranvier/distributed/local_transport.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/distributed/detail/mailboxes.h"
#include "ranvier/distributed/detail/process_name.h"

namespace ranvier {
namespace {

/// What the ranks share, and the error that ended them.
class World {
 public:
  World(int ranks, const TransportOptions& options) {
    std::vector<std::string> names;
    for (int rank = 0; rank < ranks; ++rank)
      names.push_back(fmt::format("rank {} (a thread of {})", rank, detail::process_name()));
    for (int rank = 0; rank < ranks; ++rank) {
      boxes_.push_back(std::make_unique<detail::Mailboxes>(rank, names, options.patience));
      boxes_.back()->report_waits([this, rank](const detail::Doing& doing) {
        for (const auto& box : boxes_) box->heard(rank, doing);
      });
    }
  }

  int size() const { return static_cast<int>(boxes_.size()); }
  detail::Mailboxes& boxes(int rank) { return *boxes_[static_cast<std::size_t>(rank)]; }

  void ended(int rank) {
    for (const auto& box : boxes_) box->ended(rank);
  }
  void gave_up(int rank, const std::string& reason) {
    for (const auto& box : boxes_) box->gave_up(rank, reason);
  }

  /// Keeps the exception being handled if it is the first.
  void failed(int rank, const std::string& what) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception(), failed_rank_ = rank;
    }
    gave_up(rank, what);
  }
  void rethrow() const {
    if (!error_) return;
    try {
      std::rethrow_exception(error_);
    } catch (...) {
      rethrow_in_context(fmt::format("[run_local] rank {}: ", failed_rank_));
    }
  }

 private:
  std::vector<std::unique_ptr<detail::Mailboxes>> boxes_;
  std::mutex mutex_;
  std::exception_ptr error_;
  int failed_rank_ = 0;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(World& world, int rank) : world_(world), mine_(world.boxes(rank)), rank_(rank) {}

  std::string_view kind() const override { return "local"; }
  int rank() const override { return rank_; }
  int size() const override { return world_.size(); }
  std::string describe(int rank) const override { return mine_.name(rank); }
  bool arrived(int from, Channel channel) override { return mine_.holds(from, channel); }
  void flush() override {}
  void abort(const std::string& reason) override { world_.gave_up(rank_, reason); }
  std::string trouble() const override { return mine_.trouble(); }

 private:
  void do_send(const Tensor& message, int to, Channel channel) override {
    world_.boxes(to).put(rank_, channel, clone(message));
  }
  Tensor do_receive(const Shape&, const TensorOptions&, int from, Channel channel) override {
    return mine_.take(from, channel);
  }

  World& world_;
  detail::Mailboxes& mine_;
  int rank_;
};

void run_rank(World& world, int rank, Generator generator, int threads,
              const std::function<void(Transport&)>& body) {
  const GeneratorScope scope(generator);
  set_num_threads(threads);
  try {
    LocalTransport transport(world, rank);
    body(transport);
  } catch (const std::exception& error) {
    world.failed(rank, error.what());
  } catch (...) {
    world.failed(rank, "an exception without a message");
  }
  world.ended(rank);
}

}  // namespace

void run_local(int ranks, const std::function<void(Transport&)>& body,
               const TransportOptions& options) {
  RV_CHECK(ranks >= 1, "[run_local] ranks must be >= 1; got {}.", ranks);
  World world(ranks, options);
  std::vector<std::thread> threads;
  const int threads_of_each = std::max(1, num_threads() / ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    try {
      threads.emplace_back([&, rank, generator = default_generator()] {
        run_rank(world, rank, generator, threads_of_each, body);
      });
    } catch (const std::system_error& error) {
      world.failed(rank, error.what());
      break;
    }
  }
  for (std::thread& thread : threads) thread.join();
  world.rethrow();
}

}  // namespace ranvier
