// A list of types: what is registered is read off it, so nothing is listed twice.
#pragma once

namespace ranvier::neurons {

template <class... Types>
struct TypeList {
  static constexpr int size = sizeof...(Types);

  /// The list's types as arguments of another template: `Apply<std::variant>`.
  template <template <class...> class Template>
  using Apply = Template<Types...>;

  /// Calls `f.template operator()<T, index>()` for each type in order.
  template <class F>
  static constexpr void for_each(F&& f) {
    int index = 0;
    (f.template operator()<Types>(index++), ...);
  }

  /// Position of `T` in the list; `size` if it is not there.
  template <class T>
  static constexpr int index_of = [] {
    int index = 0;
    bool found = false;
    ((found = found || __is_same(T, Types), index += found ? 0 : 1), ...);
    return index;
  }();
};

}  // namespace ranvier::neurons
