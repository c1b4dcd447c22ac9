#include "digits.hpp"

#include <algorithm>
#include <vector>

namespace tamis::schema {
namespace {

constexpr std::int32_t kUnbounded = Grammar::kUnbounded;

std::string without_trailing_zeros(std::string_view digits) {
  const std::size_t last = digits.find_last_not_of('0');
  return std::string(digits.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

}  // namespace

Digits::Digits(Grammar& grammar) : grammar_(grammar) {
  digit_ = one(0, 9);
  digits_ = grammar.repeat(digit_, 0, kUnbounded);
  some_digits_ = grammar.repeat(digit_, 1, kUnbounded);
  first_ = one(1, 9);
  zeros_ = grammar.repeat(one(0, 0), 0, kUnbounded);
  point_ = literal(".");
  minus_ = literal("-");
  zero_fraction_ = optional(grammar.seq(point_, grammar.repeat(one(0, 0), 1, kUnbounded)));
}

NodeId Digits::literal(std::string_view bytes) {
  NodeId node = Grammar::kEmpty;
  for (auto c = bytes.rbegin(); c != bytes.rend(); ++c) {
    const auto byte = static_cast<std::uint8_t>(*c);
    node = grammar_.seq(
        *c >= '0' && *c <= '9' ? one(*c - '0', *c - '0') : grammar_.chars({{byte, byte}}, Codec::kBytes), node);
  }
  return node;
}

NodeId Digits::any_of(std::string_view bytes) {
  CharSet set;
  for (const char c : bytes) set.emplace_back(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c));
  return grammar_.chars(std::move(set), Codec::kBytes);
}

NodeId Digits::one(int low, int high) {
  if (low > high) return Grammar::kNothing;
  NodeId& node = classes_[static_cast<std::size_t>(low)][static_cast<std::size_t>(high)];
  if (node == Grammar::kNothing) {
    node = grammar_.chars({{48U + static_cast<unsigned>(low), 48U + static_cast<unsigned>(high)}}, Codec::kBytes);
  }
  return node;
}

// Digit strings as long as `bound` and not below it.
NodeId Digits::at_least(std::string_view bound) {
  NodeId node = Grammar::kEmpty;
  std::int32_t place = 0;
  for (auto c = bound.rbegin(); c != bound.rend(); ++c, ++place) {
    const int value = *c - '0';
    const NodeId above = grammar_.seq(one(value + 1, 9), grammar_.repeat(digit_, place, place));
    node = grammar_.alt({grammar_.seq(one(value, value), node), above});
  }
  return node;
}

NodeId Digits::at_most(std::string_view bound) {
  NodeId node = Grammar::kEmpty;
  std::int32_t place = 0;
  for (auto c = bound.rbegin(); c != bound.rend(); ++c, ++place) {
    const int value = *c - '0';
    const NodeId below = grammar_.seq(one(0, value - 1), grammar_.repeat(digit_, place, place));
    node = grammar_.alt({grammar_.seq(one(value, value), node), below});
  }
  return node;
}

// Digit strings of the length of `low` and `high` from the one to the other.
NodeId Digits::between(std::string_view low, std::string_view high) {
  std::size_t shared = 0;
  while (shared < low.size() && low[shared] == high[shared]) ++shared;
  const NodeId prefix = literal(low.substr(0, shared));
  if (shared == low.size()) return prefix;
  const int first = low[shared] - '0';
  const int last = high[shared] - '0';
  const auto rest = static_cast<std::int32_t>(low.size() - shared - 1);
  const NodeId middle = grammar_.alt({
      grammar_.seq(one(first, first), at_least(low.substr(shared + 1))),
      grammar_.seq(one(first + 1, last - 1), grammar_.repeat(digit_, rest, rest)),
      grammar_.seq(one(last, last), at_most(high.substr(shared + 1))),
  });
  return grammar_.seq(prefix, middle);
}

NodeId Digits::whole(const std::string& low, const std::optional<std::string>& high) {
  const auto length = static_cast<std::int32_t>(low.size());
  if (!high) {
    const NodeId longer = grammar_.seq(first_, grammar_.repeat(digit_, length, kUnbounded));
    return grammar_.alt({between(low, std::string(low.size(), '9')), longer});
  }
  if (low.size() == high->size()) return between(low, *high);
  std::vector<NodeId> parts = {between(low, std::string(low.size(), '9')),
                               between("1" + std::string(high->size() - 1, '0'), *high)};
  if (high->size() - low.size() > 1) {
    const auto most = static_cast<std::int32_t>(high->size()) - 2;
    parts.push_back(grammar_.seq(first_, grammar_.repeat(digit_, length, most)));
  }
  return grammar_.alt(parts);
}

NodeId Digits::tail_from(std::string_view bound, bool strict, bool some) {
  NodeId node = strict ? grammar_.seq({zeros_, first_, digits_}) : some && bound.empty() ? some_digits_ : digits_;
  for (auto c = bound.rbegin(); c != bound.rend(); ++c) {
    const int value = *c - '0';
    node = grammar_.alt({grammar_.seq(one(value, value), node), grammar_.seq(one(value + 1, 9), digits_)});
  }
  return node;
}

NodeId Digits::tail_to(std::string_view bound, bool strict, bool some) {
  NodeId node = strict ? Grammar::kNothing : some && bound.empty() ? grammar_.repeat(one(0, 0), 1, kUnbounded) : zeros_;
  for (std::size_t place = bound.size(); place-- > 0;) {
    const int value = bound[place] - '0';
    std::vector<NodeId> parts = {grammar_.seq(one(value, value), node), grammar_.seq(one(0, value - 1), digits_)};
    if (!some || place > 0) parts.push_back(Grammar::kEmpty);
    node = grammar_.alt(parts);
  }
  return node;
}

NodeId Digits::tail_between(std::string low, bool low_strict, std::string high, bool high_strict) {
  const std::size_t length = std::max(low.size(), high.size());
  low.resize(length, '0');
  high.resize(length, '0');
  std::size_t shared = 0;
  while (low[shared] == high[shared]) ++shared;
  const int first = low[shared] - '0';
  const int last = high[shared] - '0';
  const std::string after_low = without_trailing_zeros(std::string_view(low).substr(shared + 1));
  const std::string after_high = without_trailing_zeros(std::string_view(high).substr(shared + 1));
  NodeId node = grammar_.alt({
      grammar_.seq(one(first, first), tail_from(after_low, low_strict)),
      grammar_.seq(one(first + 1, last - 1), digits_),
      grammar_.seq(one(last, last), tail_to(after_high, high_strict)),
  });
  for (std::size_t i = shared; i-- > 0;) {
    if (!low_strict && low.find_first_not_of('0', i + 1) == std::string::npos) {
      node = grammar_.alt({Grammar::kEmpty, node});
    }
    node = grammar_.seq(one(low[i] - '0', low[i] - '0'), node);
  }
  return node;
}

}  // namespace tamis::schema
