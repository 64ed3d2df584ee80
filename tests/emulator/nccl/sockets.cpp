#include "tests/emulator/nccl/sockets.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "tests/emulator/nccl/failure.h"

namespace emulator::nccl {
namespace {

[[noreturn]] void fail_by_system(const char* call) {
  fail(ncclSystemError, "{}: {}", call, std::strerror(errno));
}

/// How a transfer that moved no byte ended.
std::size_t none_yet_or_lost() {
  if (errno == EAGAIN || errno == EINTR) return 0;
  if (errno == EPIPE || errno == ECONNRESET) throw Failure{ncclRemoteError, {}};
  fail_by_system("a transfer");
}

File new_socket() {
  File socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) fail_by_system("socket");
  return socket;
}

struct Address {
  sockaddr_un name{};
  socklen_t bytes = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// A leading zero makes it a name that lies in no folder and ends with its socket.
Address address_of(const std::string& name) {
  Address address;
  address.name.sun_family = AF_UNIX;
  name.copy(address.name.sun_path + 1, sizeof address.name.sun_path - 1);
  address.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

}  // namespace

File::~File() {
  if (is_open()) ::close(descriptor_);
}

Alarm::Alarm() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!event_.is_open()) fail_by_system("eventfd");
}

void Alarm::raise() {
  raised_ = true;
  ::eventfd_write(event_.descriptor(), 1);  // nobody reads it, so it stays
}

// Whoever raised it knows why, so this is heard by nobody.
void Alarm::check() const {
  if (is_raised()) throw Failure{ncclRemoteError, {}};
}

void Alarm::wait(std::vector<pollfd> files) const {
  files.push_back({event_.descriptor(), POLLIN, 0});
  constexpr int for_ever = -1;
  if (::poll(files.data(), files.size(), for_ever) < 0 && errno != EINTR) fail_by_system("poll");
  check();
}

File listen_at(const std::string& name) {
  File listener = new_socket();
  const Address address = address_of(name);
  if (::bind(listener.descriptor(), address.get(), address.bytes) < 0) {
    if (errno == EADDRINUSE)
      fail(ncclInvalidUsage, "the communicator has this rank already ({})", name);
    fail_by_system("bind");
  }
  if (::listen(listener.descriptor(), SOMAXCONN) < 0) fail_by_system("listen");
  return listener;
}

File connect_to(const std::string& name) {
  File socket = new_socket();
  const Address address = address_of(name);
  if (::connect(socket.descriptor(), address.get(), address.bytes) == 0) return socket;
  if (errno != ECONNREFUSED && errno != EAGAIN && errno != EINTR) fail_by_system("connect");
  return {};
}

File accept_one(const File& listener, const Alarm& alarm) {
  while (true) {
    File socket(::accept4(listener.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.is_open()) return socket;
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) fail_by_system("accept");
    alarm.wait({{listener.descriptor(), POLLIN, 0}});
  }
}

std::size_t send_some(const File& socket, std::span<const std::byte> bytes) {
  const ssize_t sent = ::send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent < 0 ? none_yet_or_lost() : static_cast<std::size_t>(sent);
}

std::size_t receive_some(const File& socket, std::span<std::byte> bytes) {
  const ssize_t received = ::recv(socket.descriptor(), bytes.data(), bytes.size(), 0);
  if (received == 0 && !bytes.empty()) throw Failure{ncclRemoteError, {}};
  return received < 0 ? none_yet_or_lost() : static_cast<std::size_t>(received);
}

void send_all(const File& socket, std::span<const std::byte> bytes, const Alarm& alarm) {
  while (!(bytes = bytes.subspan(send_some(socket, bytes))).empty())
    alarm.wait({{socket.descriptor(), POLLOUT, 0}});
}

void receive_all(const File& socket, std::span<std::byte> bytes, const Alarm& alarm) {
  while (!(bytes = bytes.subspan(receive_some(socket, bytes))).empty())
    alarm.wait({{socket.descriptor(), POLLIN, 0}});
}

void hang_up(const File& socket) { ::shutdown(socket.descriptor(), SHUT_RDWR); }

}  // namespace emulator::nccl
