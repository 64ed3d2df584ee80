// Batches of a data set, made ahead of time by worker threads, in an order that seed and epoch fix.
//
//   DataLoader loader(train, {.batch_size = 128, .shuffle = true, .seed = 7, .workers = 2});
//   for (std::int64_t epoch = 0; epoch < 64; ++epoch)
//     for (const ImageBatch& batch : loader.epoch({.epoch = epoch})) step(batch);
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/core/partition.h"
#include "ranvier/core/random.h"
#include "ranvier/data/batch_pipeline.h"
#include "ranvier/data/dataset.h"

namespace ranvier {

/// Which of equal parts of every batch is made, where several ranks share the work.
struct BatchPart {
  int index = 0;
  int count = 1;
  /// In which a batch is computed, one after another: the part has its share of the first round's
  /// samples, then of the second's, and so on.
  std::int64_t rounds = 1;
};

/// How a data set is cut into batches.
struct LoaderOptions {
  std::int64_t batch_size;
  bool shuffle = false;    ///< a new order every epoch; otherwise that of the data set
  bool drop_last = false;  ///< leaves out a last batch that is smaller than the others
  std::uint64_t seed = 0;  ///< of the order and of the data set's random variations
  int workers = 0;         ///< threads that make batches; 0: the caller makes them when it asks
  int prefetch = 4;        ///< batches that workers make ahead of the caller
  BatchPart part{};        ///< of each batch; parts of few samples may be empty
};

/// A place in a training run: before batch `batch` of epoch `epoch`.
struct LoaderCursor {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;

  bool operator==(const LoaderCursor&) const = default;
};

namespace detail {
void check_loader_options(const LoaderOptions& options, std::int64_t samples);
void check_cursor(const LoaderCursor& cursor, std::int64_t batches);
/// The order of an epoch: Fisher and Yates' shuffle on random numbers of (seed, epoch).
void write_order(std::span<std::int64_t> order, bool shuffle, const Draw& draw);
/// Puts together, in every whole batch of `order`, what each part has of all rounds.
void deal_rounds(std::span<std::int64_t> order, std::int64_t batch_size, const BatchPart& part);
/// The default generator of a `fetch`: the same whoever makes the batch, and not the network's.
Generator batch_generator(const Draw& draw, std::int64_t batch);
/// Rethrows the exception being handled with the batch it belongs to in front of its message.
[[noreturn]] void rethrow_from_batch(const LoaderCursor& cursor);
}  // namespace detail

/// Delivers the batches of `dataset`, which must outlive it. What it delivers is a function of
/// (dataset, seed, epoch, batch): the number of workers and where a run was resumed change nothing,
/// and parts of a batch are what they are in the whole one.
template <Dataset D>
class DataLoader {
 public:
  using Batch = typename D::Batch;

  /// One pass through the data set, from a cursor to the end. Ends the work on batches that were
  /// not asked for when it is destroyed.
  class Epoch {
   public:
    Epoch(const Epoch&) = delete;
    Epoch& operator=(const Epoch&) = delete;
    ~Epoch() { loader_.end_epoch(holds_); }

    /// The next batch, valid until the call after this one, or null at the end of the epoch. An
    /// array of the batch that the caller holds on to stays as it is; otherwise its memory is
    /// reused. Throws what making the batch threw, once; the batch is skipped.
    const Batch* next() {
      loader_.give_back(holds_);
      if (cursor_.batch == loader_.batches()) return nullptr;
      const LoaderCursor taken = cursor_;
      ++cursor_.batch;
      return loader_.take(taken, holds_);
    }
    /// The place after the batch that `next` returned last: where to resume.
    LoaderCursor cursor() const { return cursor_; }

    class Iterator {
     public:
      explicit Iterator(Epoch& epoch) : epoch_(&epoch), batch_(epoch.next()) {}
      const Batch& operator*() const { return *batch_; }
      Iterator& operator++() {
        batch_ = epoch_->next();
        return *this;
      }
      bool operator==(std::default_sentinel_t) const { return batch_ == nullptr; }

     private:
      Epoch* epoch_;
      const Batch* batch_;
    };
    Iterator begin() { return Iterator(*this); }
    std::default_sentinel_t end() const { return {}; }

   private:
    friend class DataLoader;
    Epoch(DataLoader& loader, LoaderCursor cursor) : loader_(loader), cursor_(cursor) {}

    DataLoader& loader_;
    LoaderCursor cursor_;
    bool holds_ = false;
  };

  /// Errors: an empty data set, batch_size < 1, workers < 0, prefetch < 1, a part that is none,
  /// drop_last with a batch size that leaves no batch at all, rounds that do not divide every
  /// batch.
  DataLoader(const D& dataset, const LoaderOptions& options)
      : dataset_(dataset),
        options_((detail::check_loader_options(options, dataset.size()), options)),
        order_(static_cast<std::size_t>(dataset.size())),
        slots_(options.workers == 0 ? 1 : static_cast<std::size_t>(options.prefetch) + 1),
        pipeline_(options.workers, slots_.size(),
                  [this](std::size_t slot, std::int64_t number) { make(number, slots_[slot]); }) {}
  DataLoader(D&&, const LoaderOptions&) = delete;
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  /// Batches of an epoch.
  std::int64_t batches() const {
    const std::int64_t whole = dataset_.size() / options_.batch_size;
    return whole + (!options_.drop_last && dataset_.size() % options_.batch_size != 0 ? 1 : 0);
  }
  const LoaderOptions& options() const { return options_; }

  /// Begins an epoch at `cursor`, which must not outlive this loader: no
  /// `DataLoader(...).epoch({})` in a loop. Errors: a cursor out of range; another epoch is alive.
  Epoch epoch(LoaderCursor cursor) & {
    detail::check_cursor(cursor, batches());
    pipeline_.require_idle();
    draw_ = {.seed = options_.seed, .epoch = cursor.epoch};
    detail::write_order(order_, options_.shuffle, draw_);
    detail::deal_rounds(order_, options_.batch_size, options_.part);
    pipeline_.start(cursor.batch, batches());
    return Epoch(*this, cursor);
  }
  Epoch epoch(LoaderCursor cursor) && = delete;

 private:
  std::span<const std::int64_t> samples_of(std::int64_t batch) const {
    const std::int64_t first = batch * options_.batch_size;
    const std::int64_t count = std::min(options_.batch_size, dataset_.size() - first);
    const Slice part = Slice::of(count, options_.part.index, options_.part.count);
    return {order_.data() + first + part.begin, static_cast<std::size_t>(part.length())};
  }

  void make(std::int64_t number, Batch& batch) {
    const std::span<const std::int64_t> samples = samples_of(number);
    Generator own = detail::batch_generator(draw_, number);
    const GeneratorScope scope(own);
    if (samples.empty())
      batch = {};
    else
      dataset_.fetch(samples, draw_, batch);
  }

  const Batch* take(const LoaderCursor& cursor, bool& holds) {
    try {
      held_ = pipeline_.next();
    } catch (...) {
      detail::rethrow_from_batch(cursor);
    }
    holds = true;
    return &slots_[held_];
  }

  void give_back(bool& holds) {
    if (!holds) return;
    holds = false;
    slots_[held_].release_shared();
    pipeline_.give_back();
  }

  void end_epoch(bool& holds) {
    give_back(holds);
    pipeline_.stop();
  }

  const D& dataset_;
  const LoaderOptions options_;
  Draw draw_;
  std::vector<std::int64_t> order_;
  std::vector<Batch> slots_;
  std::size_t held_ = 0;
  detail::BatchPipeline pipeline_;  // last: its threads use the members above
};

}  // namespace ranvier
