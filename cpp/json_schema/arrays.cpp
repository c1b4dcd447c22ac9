#include "arrays.hpp"

#include <algorithm>

namespace tamis::schema {

std::optional<ArrayShape> ArrayShape::meet(const ArrayShape& first, const ArrayShape& second, Oracle& oracle) {
  ArrayShape out;
  out.least = std::max(first.least, second.least);
  out.most = first.most;
  if (second.most >= 0 && (out.most < 0 || second.most < out.most)) out.most = second.most;
  const std::size_t length = std::max(first.prefix.size(), second.prefix.size());
  out.prefix.reserve(length);
  for (std::size_t i = 0; i < length; ++i) {
    const GoalId goal = oracle.both(first.item(i), second.item(i));
    if (goal == kNothing && (out.most < 0 || out.most > static_cast<std::int64_t>(i))) {
      out.most = static_cast<std::int64_t>(i);
    }
    out.prefix.push_back(goal);
  }
  out.rest = oracle.both(first.rest, second.rest);
  if (out.rest == kNothing && (out.most < 0 || out.most > static_cast<std::int64_t>(length))) {
    out.most = static_cast<std::int64_t>(length);
  }
  if (out.most >= 0 && out.least > out.most) return std::nullopt;
  out.contains = first.contains;
  for (const Contains& item : second.contains) {
    const auto same = std::find_if(out.contains.begin(), out.contains.end(), [&](const Contains& known) {
      return known.goal == item.goal && known.from == item.from;
    });
    if (same == out.contains.end()) {
      out.contains.push_back(item);
      continue;
    }
    same->fewest = std::max(same->fewest, item.fewest);
    if (item.most >= 0 && (same->most < 0 || item.most < same->most)) same->most = item.most;
    if (same->most >= 0 && same->fewest > same->most) return std::nullopt;
  }
  out.unique = first.unique == Uniqueness::kAny ? second.unique : first.unique;
  if (second.unique != Uniqueness::kAny && second.unique != out.unique) return std::nullopt;
  out.evaluated = first.evaluated < 0 || second.evaluated < 0 ? -1 : std::max(first.evaluated, second.evaluated);
  out.matched = first.matched;
  append_new(out.matched, second.matched);
  out.also = first.also;
  for (const auto& [shapes, inside] : second.also) {
    if (std::find(out.also.begin(), out.also.end(), std::pair{shapes, !inside}) != out.also.end()) return std::nullopt;
    if (std::find(out.also.begin(), out.also.end(), std::pair{shapes, inside}) == out.also.end()) {
      out.also.emplace_back(shapes, inside);
    }
  }
  return out;
}

std::vector<ArrayShape> ArrayShape::complement(Oracle& oracle) const {
  std::vector<ArrayShape> outside;
  const auto with = [&](const Contains& item) { outside.emplace_back().contains = {item}; };
  if (least > 0) outside.emplace_back().most = least - 1;
  if (most >= 0) outside.emplace_back().least = most + 1;
  for (std::size_t place = 0; place < prefix.size(); ++place) {
    const GoalId other = oracle.negation(prefix[place]);
    if (other == kNothing) continue;
    ArrayShape& shape = outside.emplace_back();
    shape.prefix.assign(place, kAnything);
    shape.prefix.push_back(other);
    shape.least = static_cast<std::int64_t>(place) + 1;
  }
  const auto length = static_cast<std::int64_t>(prefix.size());
  const GoalId other = oracle.negation(rest);
  if (other != kNothing && (most < 0 || most > length)) with({other, length, 1, -1});
  for (const Contains& item : contains) {
    if (item.fewest > 0) with({item.goal, item.from, 0, item.fewest - 1});
    if (item.most >= 0) with({item.goal, item.from, item.most + 1, -1});
  }
  if (unique != Uniqueness::kAny) {
    outside.emplace_back().unique = unique == Uniqueness::kDistinct ? Uniqueness::kRepeated : Uniqueness::kDistinct;
  }
  for (const auto& [shapes, inside] : also) outside.emplace_back().also = {{shapes, !inside}};
  return outside;
}

bool ArrayShape::is_empty(Oracle& oracle) const {
  if (most >= 0 && least > most) return true;
  if (unique == Uniqueness::kRepeated && most >= 0 && most < 2) return true;
  const auto looked_at = std::min<std::int64_t>(least, static_cast<std::int64_t>(prefix.size()) + 1);
  for (std::int64_t i = 0; i < looked_at; ++i) {
    if (oracle.is_empty(item(static_cast<std::size_t>(i)))) return true;
  }
  for (const Contains& item : contains) {
    if ((item.most >= 0 && item.fewest > item.most) || (most >= 0 && item.fewest > most - item.from)) {
      if (item.fewest > 0) return true;
    }
    if (item.fewest <= 0) continue;
    bool possible = !oracle.is_empty(oracle.both(item.goal, rest));
    for (auto place = static_cast<std::size_t>(item.from); !possible && place < prefix.size(); ++place) {
      possible = !oracle.is_empty(oracle.both(item.goal, prefix[place]));
    }
    if (!possible) return true;
  }
  return false;
}

}  // namespace tamis::schema
