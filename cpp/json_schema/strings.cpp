#include "strings.hpp"

#include <algorithm>
#include <unordered_set>

#include "value.hpp"

namespace tamis::schema {
namespace {

// Products of unions are multiplied out up to this size; past it the unions are kept as atoms.
constexpr std::size_t kMaxProduct = 4;

}  // namespace

StringId StringPool::id(std::string_view text) {
  const auto [found, inserted] = ids_.emplace(text, static_cast<StringId>(texts_.size()));
  if (inserted) {
    texts_.push_back(text);
    lengths_.push_back(static_cast<std::int64_t>(length_in_code_points(text)));
  }
  return found->second;
}

template <typename T>
void append_new(std::vector<T>& into, const std::vector<T>& items) {
  if (into.size() * items.size() <= 256) {
    for (const T& item : items) {
      if (std::find(into.begin(), into.end(), item) == into.end()) into.push_back(item);
    }
    return;
  }
  std::unordered_set<T> seen(into.begin(), into.end());
  for (const T& item : items) {
    if (seen.insert(item).second) into.push_back(item);
  }
}
template void append_new(std::vector<std::int32_t>&, const std::vector<std::int32_t>&);

bool StringShape::operator==(const StringShape& other) const {
  return min_length == other.min_length && max_length == other.max_length && atoms == other.atoms &&
         excluded == other.excluded &&
         (constants == other.constants || (constants && other.constants && *constants == *other.constants));
}

StringShape StringShape::of(std::vector<StringId> constants) {
  StringShape shape;
  shape.constants = std::make_shared<const std::vector<StringId>>(std::move(constants));
  return shape;
}

std::optional<StringShape> StringShape::meet(const StringShape& first, const StringShape& second,
                                             const StringPool& pool) {
  StringShape out;
  out.min_length = std::max(first.min_length, second.min_length);
  out.max_length = first.max_length;
  if (second.max_length >= 0 && (out.max_length < 0 || second.max_length < out.max_length)) {
    out.max_length = second.max_length;
  }
  if (out.max_length >= 0 && out.min_length > out.max_length) return std::nullopt;
  out.atoms = first.atoms;
  for (const auto& [atom, holds] : second.atoms) {
    const auto has = [&](bool wanted) {
      return std::find(first.atoms.begin(), first.atoms.end(), std::pair{atom, wanted}) != first.atoms.end();
    };
    if (has(!holds)) return std::nullopt;
    if (!has(holds)) out.atoms.emplace_back(atom, holds);
  }
  out.excluded = first.excluded;
  append_new(out.excluded, second.excluded);
  const auto& listed = first.constants ? first.constants : second.constants;
  if (!listed) return out;
  std::unordered_set<StringId> wanted;
  const bool both = first.constants && second.constants;
  if (both) wanted.insert(second.constants->begin(), second.constants->end());
  const std::unordered_set<StringId> dropped(out.excluded.begin(), out.excluded.end());
  std::vector<StringId> kept;
  for (const StringId text : *listed) {
    const std::int64_t length = pool.length(text);
    if ((!both || wanted.count(text) != 0) && dropped.count(text) == 0 && out.min_length <= length &&
        (out.max_length < 0 || length <= out.max_length)) {
      kept.push_back(text);
    }
  }
  if (kept.empty()) return std::nullopt;
  StringShape constant = of(std::move(kept));
  constant.atoms = std::move(out.atoms);
  return constant;
}

std::vector<StringShape> StringShape::complement() const {
  std::vector<StringShape> outside;
  if (constants) outside.emplace_back().excluded = *constants;
  if (min_length > 0) outside.emplace_back().max_length = min_length - 1;
  if (max_length >= 0) outside.emplace_back().min_length = max_length + 1;
  for (const auto& [atom, holds] : atoms) outside.emplace_back().atoms = {{atom, !holds}};
  if (!excluded.empty()) outside.push_back(of(excluded));
  return outside;
}

bool StringShape::admits(StringId text, StringOracle& oracle) const {
  const auto has = [text](const std::vector<StringId>& list) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  if (constants) {
    if (!has(*constants)) return false;
  } else {
    const std::int64_t length = oracle.strings().length(text);
    if (length < min_length || (max_length >= 0 && length > max_length) || has(excluded)) return false;
  }
  return std::all_of(atoms.begin(), atoms.end(),
                     [&](const auto& atom) { return oracle.matches(atom.first, text) == atom.second; });
}

bool StringShape::is_empty(StringOracle& oracle) const {
  if (!constants) return !atoms.empty() && oracle.no_strings(*this);
  if (atoms.empty()) return constants->empty();
  return std::none_of(constants->begin(), constants->end(), [&](StringId text) {
    return std::all_of(atoms.begin(), atoms.end(),
                       [&](const auto& atom) { return oracle.matches(atom.first, text) == atom.second; });
  });
}

std::vector<StringShape> merged(std::vector<StringShape> shapes) {
  if (shapes.size() <= 1) return shapes;
  std::vector<StringId> constants;
  std::unordered_set<StringId> seen;
  std::vector<StringShape> others;
  for (StringShape& shape : shapes) {
    if (!shape.constants || !shape.atoms.empty()) {
      others.push_back(std::move(shape));
      continue;
    }
    for (const StringId text : *shape.constants) {
      if (seen.insert(text).second) constants.push_back(text);
    }
  }
  if (!constants.empty()) others.push_back(StringShape::of(std::move(constants)));
  return others;
}

std::vector<StringShape> meet_unions(StringUnion first, StringUnion second, StringOracle& oracle) {
  const auto is_list = [](StringUnion shapes) { return shapes->size() == 1 && (*shapes)[0].constants != nullptr; };
  const bool small = first->size() * second->size() <= kMaxProduct || first->size() == 1 || second->size() == 1;
  if (!small && !is_list(first) && !is_list(second)) {
    StringShape both;
    both.atoms = {{oracle.atom_of(first), true}, {oracle.atom_of(second), true}};
    return {std::move(both)};
  }
  std::vector<StringShape> out;
  for (const StringShape& one : *first) {
    for (const StringShape& other : *second) {
      auto both = StringShape::meet(one, other, oracle.strings());
      if (both && std::find(out.begin(), out.end(), *both) == out.end()) out.push_back(std::move(*both));
    }
  }
  return out;
}

std::vector<StringShape> complement_union(StringUnion shapes, StringOracle& oracle) {
  if (shapes->empty()) return {StringShape{}};
  if (shapes->size() == 1) return shapes->front().complement();
  StringShape outside;
  outside.atoms = {{oracle.atom_of(shapes), false}};
  return {std::move(outside)};
}

}  // namespace tamis::schema
