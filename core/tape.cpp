#include "ranvier/core/tape.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/tensor_impl.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"

namespace ranvier {
namespace {

thread_local bool recording = true;
std::atomic<std::uint64_t> next_sequence{1};
std::atomic<std::int64_t> bytes_saved{0};

constexpr std::int64_t grain = 1 << 14;

/// The dtype of the gradient of a tensor of `dtype`.
DType gradient_dtype(DType dtype) { return dtype == DType::bits ? DType::f32 : dtype; }

Edge edge_to(const Tensor& input) {
  if (!input.defined() || !input.requires_grad()) return {};
  detail::TensorImpl& impl = input.impl();
  if (impl.origin) return {impl.origin, impl.origin_index, input.numel(), {}};
  return {nullptr, 0, input.numel(), input};
}

/// `given` in `dtype`. Error unless it can stand for a gradient of `shape` and `dtype` on `device`.
Tensor as_gradient(const char* what, const Tensor& given, const Shape& shape, DType dtype,
                   Device device) {
  const bool fits =
      given.shape() == shape && is_floating(given.dtype()) && given.device() == device;
  if (!fits)
    fail(given.device() == device ? ErrorCode::invalid_argument : ErrorCode::device,
         "[backward] {} must have the tensor's shape {} and its device {}, and be floating; got {} "
         "{} on {}.",
         what, shape, device, given.dtype(), given.shape(), given.device());
  return given.to(dtype);
}

void run_hooks(const std::vector<Tensor::Hook>& registered, Tensor& grad) {
  const std::vector<Tensor::Hook> hooks = registered;  // one of them may register another
  for (const Tensor::Hook& hook : hooks)
    if (const Tensor replaced = hook(grad); replaced.defined())
      grad =
          as_gradient("what a hook returns", replaced, grad.shape(), grad.dtype(), grad.device());
}

}  // namespace

// --- saved tensors ------------------------------------------------------------------------------

Saved::Saved(const Tensor& tensor) {
  if (!tensor.defined()) return;
  tensor_ = tensor.detach();
  version_ = tensor_.storage()->version();
  bytes_saved += tensor_.nbytes();
}

Saved::Saved(Saved&& other) noexcept : tensor_(std::move(other.tensor_)), version_(other.version_) {
  other.tensor_ = Tensor();
}

Saved& Saved::operator=(Saved&& other) noexcept {
  std::swap(tensor_, other.tensor_);
  std::swap(version_, other.version_);
  return *this;
}

const Tensor& Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  if (tensor_.storage()->version() != version_)
    fail(ErrorCode::state,
         "[backward] a saved tensor of shape {} was overwritten after the forward pass; "
         "write into a clone instead.",
         tensor_.shape());
  return tensor_;
}

void Saved::reset() {
  if (tensor_.defined()) bytes_saved -= tensor_.nbytes();
  tensor_ = Tensor();
}

std::int64_t saved_bytes() { return bytes_saved; }

// --- recording ----------------------------------------------------------------------------------

std::uint64_t next_node_sequence() { return next_sequence; }

NoGradGuard::NoGradGuard() : previous_(recording) { recording = false; }
NoGradGuard::~NoGradGuard() { recording = previous_; }
bool grad_enabled() { return recording; }

bool grad_needed(std::span<const Tensor> inputs) {
  return recording && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) {
           return input.defined() && input.requires_grad();
         });
}

bool grad_needed(std::initializer_list<Tensor> inputs) {
  return grad_needed(std::span<const Tensor>(inputs.begin(), inputs.size()));
}

void attach(std::shared_ptr<Node> node, std::span<const Tensor> inputs,
            std::span<const Tensor> outputs) {
  node->edges_.reserve(inputs.size());
  for (const Tensor& input : inputs) node->edges_.push_back(edge_to(input));
  node->sequence_ = next_sequence++;
  node->layer_ = current_layer();
  node->outputs_ = static_cast<int>(outputs.size());
  node->output_hooks_.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined()) continue;
    detail::TensorImpl& impl = outputs[i].impl();
    RV_CHECK(impl.origin == nullptr && !impl.requires_grad,
             "[attach] an output of {} is a leaf or another node's already; an operation's result "
             "is a new tensor, as detach makes one.",
             node->name());
    impl.origin = node;
    impl.origin_index = static_cast<int>(i);
  }
}

void attach(std::shared_ptr<Node> node, std::initializer_list<Tensor> inputs,
            std::initializer_list<Tensor> outputs) {
  attach(std::move(node), std::span<const Tensor>(inputs.begin(), inputs.size()),
         std::span<const Tensor>(outputs.begin(), outputs.size()));
}

// A chain of a million nodes must not be destroyed by a million nested destructors: the outermost
// one keeps a list and the inner ones only add to it.
Node::~Node() {
  thread_local std::vector<std::shared_ptr<Node>>* doomed = nullptr;
  std::vector<std::shared_ptr<Node>> own;
  const bool outermost = doomed == nullptr;
  if (outermost) doomed = &own;
  for (Edge& edge : edges_)
    if (edge.node) doomed->push_back(std::move(edge.node));
  if (!outermost) return;
  while (!own.empty()) {
    const std::shared_ptr<Node> next = std::move(own.back());
    own.pop_back();
  }
  doomed = nullptr;
}

// --- the walk -----------------------------------------------------------------------------------

namespace {
// Of 16-bit floats the sum in f32, rounded.
template <class T>
T add_values(T a, T b) {
  if constexpr (detail::is_half<T>)
    return detail::convert<float, T>(to_float(a) + to_float(b));
  else
    return a + b;
}

void accumulate_cpu(const Tensor& a, const Tensor& b, Tensor& result) {
  detail::visit_floating("accumulate", a.dtype(), [&]<class T>(detail::Type<T>) {
    const T* left = a.data<T>();
    const T* right = b.data<T>();
    T* out = result.mutable_data<T>();
    parallel_for(0, a.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = add_values(left[i], right[i]);
    });
  });
}
}  // namespace

namespace detail {
constinit DeviceKernels<AccumulateKernel> accumulate_kernels{.cpu = accumulate_cpu};
}

Tensor accumulate(Tensor a, const Tensor& b) {
  if (!a.defined()) return b;
  if (!b.defined()) return a;
  RV_ASSERT(a.shape() == b.shape() && a.dtype() == b.dtype(),
            "[accumulate] gradients differ: {} {} and {} {}", a.dtype(), a.shape(), b.dtype(),
            b.shape());
  const bool in_place = a.is_unique();
  Tensor result = in_place ? a : empty_like(a);
  kernel_for("accumulate", a.device(), detail::accumulate_kernels)(a, b, result);
  return result;
}

/// Visits nodes from the newest to the oldest, so that a node is reached after all its users.
class BackwardWalk {
 public:
  explicit BackwardWalk(const BackwardOptions& options) : options_(options) {}

  void start(const Tensor& root, Tensor seed) {
    root_ = edge_to(root);
    if (options_.on_gradient) count_uses(root_);
    send(root_, std::move(seed), "backward");
  }

  void run() {
    while (!queue_.empty()) {
      Node* node = queue_.top();
      queue_.pop();
      visit(*node);
    }
    finish_leaves();
  }

 private:
  struct Older {
    bool operator()(const Node* a, const Node* b) const { return a->sequence_ < b->sequence_; }
  };
  struct LeafGrad {
    Tensor leaf;
    Tensor grad;
  };

  void visit(Node& node) {
    if (node.released_)
      fail(ErrorCode::state,
           "[backward] the graph was walked already ({} has let go of its saved tensors); detach "
           "what comes from an earlier batch, as a state, or use retain_graph to walk it twice.",
           node.name());
    const LayerScope layer(node.layer_);
    const OperationScope operation(node.name());
    std::vector<Tensor> grads = std::move(pending_[&node]);
    pending_.erase(&node);
    for (std::size_t i = 0; i < grads.size(); ++i)
      if (grads[i].defined()) run_hooks(node.output_hooks_[i], grads[i]);
    std::vector<Tensor> results = node.backward(grads);
    RV_CHECK(results.size() == node.edges_.size(),
             "[backward] {} must give a gradient for each of its {} inputs, undefined ones where "
             "none is needed; it gave {}.",
             node.name(), node.edges_.size(), results.size());
    grads.clear();
    if (!options_.retain_graph) {
      node.release();
      node.released_ = true;
    }
    for (std::size_t i = 0; i < results.size(); ++i)
      if (results[i].defined()) send(node.edges_[i], std::move(results[i]), node.name());
    if (options_.after_node) options_.after_node(node);
    if (options_.on_gradient) finish_unused_leaves(node);
  }

  // How often each leaf is used in the graph below `root`.
  void count_uses(const Edge& root) {
    std::vector<const Node*> nodes;
    std::unordered_set<const Node*> seen;
    const auto meet = [&](const Edge& edge) {
      if (edge.leaf.defined()) ++uses_[&edge.leaf.impl()];
      if (edge.node && seen.insert(edge.node.get()).second) nodes.push_back(edge.node.get());
    };
    meet(root);
    for (std::size_t i = 0; i < nodes.size(); ++i)
      for (const Edge& edge : nodes[i]->edges()) meet(edge);
  }

  // Leaves that `node` was the last to use have their whole gradient.
  void finish_unused_leaves(const Node& node) {
    for (const Edge& edge : node.edges_) {
      if (!edge.leaf.defined() || --uses_[&edge.leaf.impl()] > 0) continue;
      const auto found = leaf_index_.find(&edge.leaf.impl());
      if (found != leaf_index_.end()) finish(leaves_[found->second]);
    }
  }

  void send(const Edge& edge, Tensor grad, const char* sender) {
    if (edge.leaf.defined()) return send_to_leaf(edge.leaf, std::move(grad), sender);
    if (!edge.node) return;
    RV_CHECK(grad.numel() == edge.numel,
             "[backward] {} gave a gradient of {} for a tensor of {} elements.", sender,
             grad.shape(), edge.numel);
    auto [it, first_visit] = pending_.try_emplace(edge.node.get());
    if (first_visit) {
      it->second.resize(static_cast<std::size_t>(edge.node->outputs_));
      queue_.push(edge.node.get());
    }
    Tensor& slot = it->second[static_cast<std::size_t>(edge.index)];
    slot = accumulate(std::move(slot), grad);
  }

  void send_to_leaf(const Tensor& leaf, Tensor grad, const char* sender) {
    const DType dtype = gradient_dtype(leaf.dtype());
    RV_CHECK(
        grad.shape() == leaf.shape() && grad.dtype() == dtype && grad.device() == leaf.device(),
        "[backward] {} gave a gradient of {} {} on {} for a leaf whose gradient is {} {} on {}.",
        sender, grad.dtype(), grad.shape(), grad.device(), dtype, leaf.shape(), leaf.device());
    auto [it, first_visit] = leaf_index_.try_emplace(&leaf.impl(), leaves_.size());
    if (first_visit) leaves_.push_back({leaf, {}});
    Tensor& slot = leaves_[it->second].grad;
    slot = accumulate(std::move(slot), grad);
  }

  void finish_leaves() {
    for (LeafGrad& of : leaves_) finish(of);
  }

  void finish(LeafGrad& of) {
    if (!of.grad.defined()) return;
    detail::TensorImpl& impl = of.leaf.impl();
    run_hooks(impl.hooks, of.grad);
    if (!impl.grad.defined() && !of.grad.is_unique()) of.grad = clone(of.grad);
    impl.grad = accumulate(std::move(impl.grad), of.grad);
    of.grad = Tensor();
    if (options_.on_gradient) options_.on_gradient(of.leaf);
  }

  const BackwardOptions& options_;
  Edge root_;  // keeps the graph, also if a hook lets go of the tensor that is walked from
  std::priority_queue<Node*, std::vector<Node*>, Older> queue_;
  std::unordered_map<Node*, std::vector<Tensor>> pending_;
  std::vector<LeafGrad> leaves_;  // in the order they were reached
  std::unordered_map<detail::TensorImpl*, std::size_t> leaf_index_;
  std::unordered_map<const detail::TensorImpl*, int> uses_;  // by nodes still to be visited
};

// --- the tensor's side --------------------------------------------------------------------------

bool Tensor::requires_grad() const { return impl().requires_grad || impl().origin != nullptr; }
bool Tensor::is_leaf() const { return impl().origin == nullptr; }
const Tensor& Tensor::grad() const { return impl().grad; }

Tensor& Tensor::set_requires_grad(bool required) {
  RV_CHECK(is_leaf(), "[requires_grad] only a leaf can be set; detach the tensor first.");
  RV_CHECK(!required || is_floating(dtype()) || dtype() == DType::bits,
           "[requires_grad] needs a floating dtype; got {}.", dtype());
  impl().requires_grad = required;
  return *this;
}

void Tensor::set_grad(Tensor grad) {
  if (grad.defined())
    RV_CHECK(grad.shape() == shape() && grad.dtype() == gradient_dtype(dtype()) &&
                 grad.device() == device(),
             "[set_grad] the gradient must be {} {} on {}, as the tensor is; got {} {} on {}.",
             gradient_dtype(dtype()), shape(), device(), grad.dtype(), grad.shape(), grad.device());
  impl().grad = std::move(grad);
}

void Tensor::backward(const BackwardOptions& options) const {
  RV_CHECK(numel() == 1, "[backward] needs a seed unless the tensor has one element; shape is {}.",
           shape());
  backward(full(shape(), 1.0, {.dtype = gradient_dtype(dtype()), .device = device()}), options);
}

void Tensor::backward(const Tensor& seed, const BackwardOptions& options) const {
  RV_CHECK(requires_grad(),
           "[backward] the tensor does not depend on anything that requires a gradient.");
  const NoGradGuard no_grad;
  BackwardWalk walk(options);
  walk.start(*this, as_gradient("the seed", seed, shape(), gradient_dtype(dtype()), device()));
  walk.run();
}

Tensor Tensor::detach() const { return Tensor(storage(), storage_offset(), shape(), dtype()); }

void Tensor::register_hook(Hook hook) {
  RV_CHECK(requires_grad(), "[register_hook] the tensor does not require a gradient.");
  if (impl().origin)
    impl().origin->output_hooks_[static_cast<std::size_t>(impl().origin_index)].push_back(
        std::move(hook));
  else
    impl().hooks.push_back(std::move(hook));
}

std::string describe_graph(const Tensor& tensor) {
  if (!tensor.requires_grad()) return "(no graph)\n";
  if (tensor.is_leaf()) return fmt::format("leaf {}\n", tensor.shape());
  std::vector<const Node*> nodes{tensor.impl().origin.get()};
  std::unordered_set<const Node*> seen(nodes.begin(), nodes.end());
  std::string text;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    text += nodes[i]->name();
    text += " <-";
    for (const Edge& edge : nodes[i]->edges()) {
      if (edge.leaf.defined()) text += fmt::format(" leaf {}", edge.leaf.shape());
      if (!edge.node) continue;
      text += fmt::format(" {}", edge.node->name());
      if (seen.insert(edge.node.get()).second) nodes.push_back(edge.node.get());
    }
    text += '\n';
  }
  return text;
}

}  // namespace ranvier
