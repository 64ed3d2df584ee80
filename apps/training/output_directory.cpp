#include "apps/training/output_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "ranvier/core/error.h"

namespace ranvier::apps {

ranvier::detail::UniqueFd claim_output_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    fail(ErrorCode::io, "{}: cannot create the output directory: {}.", directory.string(),
         error.message());
  if (access(directory.c_str(), W_OK) != 0)
    fail(ErrorCode::io,
         "{}: the output directory cannot be written to; choose another with --output-dir.",
         directory.string());
  ranvier::detail::UniqueFd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid() && flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    fail(ErrorCode::io,
         "{}: another run writes to this output directory; choose another with --output-dir.",
         directory.string());
  return folder;
}

}  // namespace ranvier::apps
