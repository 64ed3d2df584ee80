// A module of any type, for containers.
#pragma once

#include <memory>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "ranvier/layers/module.h"

namespace ranvier {

/// Owns a module whose type is only known at run time. Move-only, as modules own their parameters;
/// one that was moved from is an error where it is used.
class AnyModule {
 public:
  template <Module M>
  requires(!std::same_as<M, AnyModule>)
      AnyModule(M module)  // implicit: a container is written as a list of modules
      : model_(std::make_unique<Model<M>>(std::move(module))) {}

  Shard operator()(const Tensor& x, const State& state) { return model().run(x, state); }
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) { return model().run(x, State::whole_sequence()).output; }
  void visit(Visitor& visitor) { model().visit(visitor); }

  /// What the module calls itself, `M::kind`: "Conv2d".
  std::string_view kind() const { return model().kind(); }

  /// The module, if its type is exactly `M`, else null.
  template <class M>
  M* as() {
    return model().type() == typeid(M) ? &static_cast<Model<M>&>(model()).module : nullptr;
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual Shard run(const Tensor& x, const State& state) = 0;
    virtual void visit(Visitor& visitor) = 0;
    virtual std::string_view kind() const = 0;
    virtual const std::type_info& type() const = 0;
  };

  template <class M>
  struct Model final : Concept {
    explicit Model(M m) : module(std::move(m)) {}
    M module;

    Shard run(const Tensor& x, const State& state) override { return run_shard(module, x, state); }
    void visit(Visitor& visitor) override { module.visit(visitor); }
    std::string_view kind() const override { return M::kind; }
    const std::type_info& type() const override { return typeid(M); }
  };

  Concept& model() const {
    RV_CHECK(model_ != nullptr, "[module] there is none: it was moved to another place.");
    return *model_;
  }

  std::unique_ptr<Concept> model_;
};

}  // namespace ranvier
