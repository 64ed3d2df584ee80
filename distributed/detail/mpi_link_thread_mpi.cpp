#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include "ranvier/distributed/detail/mpi_link.h"
#include "ranvier/distributed/detail/process_name.h"

namespace ranvier::detail {
namespace {

constexpr int packet_tag = 0, piece_tag = 1;
constexpr std::int64_t piece_bytes = 1 << 30;  // MPI counts in int
constexpr std::size_t name_bytes = 128;

void check(int result, const char* call) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(result, text, &length);
  fail(ErrorCode::communication, "[mpi] {} failed: {}.", call, text);
}
#define RV_MPI(call, ...) check(call(__VA_ARGS__), #call)

bool all_done(std::vector<MPI_Request>& requests) {
  int done = 0;
  RV_MPI(MPI_Testall, static_cast<int>(requests.size()), requests.data(), &done,
         MPI_STATUSES_IGNORE);
  return done != 0;
}

/// Adds a request for each piece of a large message: `post(bytes, count, request)`.
template <class Post>
void post_pieces(std::byte* bytes, std::int64_t size, std::vector<MPI_Request>& requests,
                 Post post) {
  for (std::int64_t begin = 0; begin < size; begin += piece_bytes) {
    requests.push_back(MPI_REQUEST_NULL);
    post(bytes + begin, static_cast<int>(std::min(piece_bytes, size - begin)), &requests.back());
  }
}

}  // namespace

void MpiLink::run() {
  const auto enter = [this](State state) {
    {
      const std::lock_guard lock(mutex_);
      state_ = state;
    }
    settled_.notify_all();
  };
  try {
    start();
  } catch (const std::exception& error) {
    start_error_ = error.what();
    return enter(State::over);
  }
  enter(State::running);
  try {
    serve();
  } catch (const std::exception& error) {
    mailboxes_->gave_up(rank_, error.what());
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return giving_up_; });
  }
  if (giving_up()) MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  enter(State::over);
}

void MpiLink::start() {
  // Sleeps of some microseconds are rounded up to the slack of timers, 50 by default.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  int used = 0, level = 0;
  RV_MPI(MPI_Initialized, &used);
  if (used != 0)
    fail(ErrorCode::communication, "[mpi] MPI can be used once per process, and it was already.");
  RV_MPI(MPI_Init_thread, nullptr, nullptr, MPI_THREAD_SERIALIZED, &level);
  if (level < MPI_THREAD_SERIALIZED)
    fail(ErrorCode::communication, "[mpi] this MPI serves one thread only, not several in turn.");
  RV_MPI(MPI_Comm_set_errhandler, MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  RV_MPI(MPI_Comm_dup, MPI_COMM_WORLD, &world_);
  RV_MPI(MPI_Comm_rank, world_, &rank_);
  RV_MPI(MPI_Comm_size, world_, &size_);

  std::string own = fmt::format("rank {} ({})", rank_, process_name());
  own.resize(name_bytes - 1);
  std::vector<char> all(name_bytes * static_cast<std::size_t>(size_));
  RV_MPI(MPI_Allgather, own.c_str(), name_bytes, MPI_CHAR, all.data(), name_bytes, MPI_CHAR,
         world_);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); i += name_bytes) names.emplace_back(&all[i]);
  mailboxes_ = std::make_unique<Mailboxes>(rank_, std::move(names), patience_);
  mailboxes_->report_waits([this](const Doing& doing) { await(doing.waits_for >= 0); });
  for (int other = 0; other < size_; ++other)
    if (other != rank_) mailboxes_->heard(other);
  packet_.resize(sizeof(Header) + most_inline);
  listen();
}

void MpiLink::listen() {
  RV_MPI(MPI_Irecv, packet_.data(), static_cast<int>(packet_.size()), MPI_BYTE, MPI_ANY_SOURCE,
         packet_tag, world_, &packet_request_);
}

void MpiLink::serve() {
  // Who gives up leaves the others a moment to say whom they lost.
  constexpr auto moment = std::chrono::seconds(1);
  Clock::time_point leave_at = Clock::time_point::max();
  while (Clock::now() < leave_at) {
    std::unique_lock calls(calls_);
    const bool moved = move_messages();
    if (giving_up()) {
      leave_at = std::min(leave_at, Clock::now() + moment);
    } else if (finished()) {
      return close();
    }
    calls.unlock();
    rest(moved);
  }
}

void MpiLink::post(int to, const Header& header, std::span<const std::byte> content, Tensor rest) {
  Outgoing& outgoing = under_way_.emplace_back();
  auto& [packet, message, requests] = outgoing;
  packet.resize(sizeof header + content.size());
  std::memcpy(packet.data(), &header, sizeof header);
  if (!content.empty()) std::memcpy(&packet[sizeof header], content.data(), content.size());
  requests.push_back(MPI_REQUEST_NULL);
  RV_MPI(MPI_Isend, packet.data(), static_cast<int>(packet.size()), MPI_BYTE, to, packet_tag,
         world_, &requests.back());
  if (rest.defined()) {
    message = std::move(rest);
    post_pieces(const_cast<std::byte*>(message.raw_data()), message.nbytes(), requests,
                [&](const std::byte* piece, int count, MPI_Request* request) {
                  RV_MPI(MPI_Isend, piece, count, MPI_BYTE, to, piece_tag, world_, request);
                });
  }
  if (all_done(requests)) return under_way_.pop_back();
  {
    const std::lock_guard lock(mutex_);
    ++unsettled_;
  }
  work_.notify_one();
}

void MpiLink::post_to_others(const Header& header, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.substr(0, most_inline)));
  for (int other = 0; other < size_; ++other)
    if (other != rank_) post(other, header, bytes, {});
}

bool MpiLink::move_messages() {
  bool moved = take_packets();
  moved |= take_pieces();
  let_leave();
  moved |= complete_sends();
  if (Clock::now() - last_beat_ >= beat_interval_) beat();
  return moved;
}

bool MpiLink::take_packets() {
  bool moved = false;
  for (int most = 16; most > 0; --most) {  // sends and beats have their turn
    int done = 0, bytes = 0;
    MPI_Status status;
    RV_MPI(MPI_Test, &packet_request_, &done, &status);
    if (done == 0) break;
    RV_MPI(MPI_Get_count, &status, MPI_BYTE, &bytes);
    take_packet(status.MPI_SOURCE, static_cast<std::size_t>(bytes));
    listen();
    moved = true;
  }
  return moved;
}

void MpiLink::take_packet(int from, std::size_t bytes) {
  RV_ASSERT(bytes >= sizeof(Header), "[mpi] a packet of {} bytes", bytes);
  Header header;
  std::memcpy(&header, packet_.data(), sizeof header);
  const std::byte* content = packet_.data() + sizeof header;
  const std::size_t content_bytes = bytes - sizeof header;
  mailboxes_->heard(from);
  if (header.kind == Kind::beat) return mailboxes_->heard(from, header.doing);
  if (header.kind == Kind::ended) return leaving_.push_back(from);
  if (header.kind == Kind::gave_up)
    return mailboxes_->gave_up(from, {reinterpret_cast<const char*>(content), content_bytes});

  Incoming incoming;
  incoming.message = empty(Shape(std::span(header.extents, header.axes)), {.dtype = header.dtype});
  const std::int64_t size = incoming.message.nbytes();
  std::byte* const target = incoming.message.mutable_raw_data();
  if (size > static_cast<std::int64_t>(most_inline)) {
    post_pieces(target, size, incoming.pieces,
                [&](std::byte* piece, int count, MPI_Request* request) {
                  RV_MPI(MPI_Irecv, piece, count, MPI_BYTE, from, piece_tag, world_, request);
                });
  } else {
    RV_ASSERT(static_cast<std::size_t>(size) == content_bytes, "[mpi] {} bytes instead of {}",
              content_bytes, size);
    std::memcpy(target, content, content_bytes);
  }
  const auto waiting = incoming_.find({from, header.channel});
  if (waiting == incoming_.end() && incoming.pieces.empty())
    return mailboxes_->put(from, header.channel, std::move(incoming.message));
  incoming_[{from, header.channel}].push_back(std::move(incoming));
}

// A message that is complete waits for those before it.
bool MpiLink::take_pieces() {
  bool moved = false;
  for (auto at = incoming_.begin(); at != incoming_.end();) {
    auto& [key, messages] = *at;
    while (!messages.empty() && all_done(messages.front().pieces)) {
      mailboxes_->heard(key.first);
      mailboxes_->put(key.first, key.second, std::move(messages.front().message));
      messages.pop_front();
      moved = true;
    }
    at = messages.empty() ? incoming_.erase(at) : std::next(at);
  }
  return moved;
}

void MpiLink::let_leave() {
  std::erase_if(leaving_, [this](int rank) {
    if (incoming_.lower_bound({rank, Channel{}}) != incoming_.lower_bound({rank + 1, Channel{}}))
      return false;
    mailboxes_->ended(rank);
    return true;
  });
}

bool MpiLink::complete_sends() {
  const std::size_t done =
      std::erase_if(under_way_, [](Outgoing& outgoing) { return all_done(outgoing.requests); });
  if (done == 0) return false;
  {
    const std::lock_guard lock(mutex_);
    unsettled_ -= done;
  }
  settled_.notify_all();
  return true;
}

void MpiLink::beat() {
  last_beat_ = Clock::now();
  Header header{.kind = Kind::beat};
  header.doing = mailboxes_->doing();
  {
    const std::lock_guard lock(mutex_);
    if (unsettled_ > 0) header.doing.waits_for = -1;  // others may wait for what is under way
  }
  post_to_others(header);
  mailboxes_->pass_time(beat_interval_.count());
}

// In a wait, sleeps for an eighth of the time since something moved, so that the wait is not much
// longer for it. What nobody waits for may lie: each look takes some 20 us from the thread that
// computes beside this one.
void MpiLink::rest(bool moved) {
  using std::chrono::microseconds;
  const Clock::time_point now = Clock::now();
  if (moved) last_move_ = now;
  std::unique_lock lock(mutex_);
  const bool awaited = awaited_;
  const auto still =
      std::chrono::duration_cast<microseconds>(now - std::max(last_move_, awaited_since_));
  if (awaited && still < microseconds(50)) {
    lock.unlock();
    sched_yield();
    return;
  }
  const std::size_t unsettled = unsettled_;
  const microseconds longest(unsettled > 0 || !incoming_.empty() ? 50 : 1000);
  work_.wait_for(lock, awaited ? std::clamp(still / 8, microseconds(20), longest) : longest,
                 [&] { return unsettled_ > unsettled || (awaited_ && !awaited); });
}

bool MpiLink::giving_up() {
  const std::lock_guard lock(mutex_);
  return giving_up_;
}

bool MpiLink::finished() {
  const std::lock_guard lock(mutex_);
  return ending_ && unsettled_ == 0 && incoming_.empty() && mailboxes_->all_ended();
}

void MpiLink::close() {
  RV_MPI(MPI_Cancel, &packet_request_);
  RV_MPI(MPI_Wait, &packet_request_, MPI_STATUS_IGNORE);
  RV_MPI(MPI_Comm_free, &world_);
  RV_MPI(MPI_Finalize);
}

}  // namespace ranvier::detail
