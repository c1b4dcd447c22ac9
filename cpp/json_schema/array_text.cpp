#include "array_text.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace tamis::schema {
namespace {

// Bounds of what is unrolled: distinct values of a uniqueItems array, states of contains counts.
constexpr std::size_t kMaxPermuted = 4;
constexpr std::int64_t kMaxStates = 200;
constexpr std::size_t kMaxListed = 10'000;

using Counts = std::vector<std::int64_t>;

std::int32_t bound(std::int64_t count) {
  return count < 0 ? Grammar::kUnbounded : static_cast<std::int32_t>(std::min<std::int64_t>(count, kLargestCount));
}

// The finitely many values of a goal.
struct Listed {
  std::vector<NodeId> nodes;
  std::optional<std::vector<std::string>> strings;  // if all of them are strings
};

class ArrayText {
 public:
  ArrayText(Lowering& lowering, const ArrayShape& shape, Order order)
      : lowering_(lowering), grammar_(lowering.grammar), text_(lowering.text), order_(order), shape_(shape) {}

  NodeId whole() {
    using Uniqueness = ArrayShape::Uniqueness;
    std::vector<NodeId> operands;
    if (shape_.unique == Uniqueness::kRepeated) {
      shape_.least = std::max<std::int64_t>(shape_.least, 2);
      operands.push_back(grammar_.complement(grammar_.machine(distinct_items_machine(std::nullopt))));
    } else if (shape_.unique == Uniqueness::kDistinct && !distinct_anyway()) {
      const std::optional<Listed> listed = values(shape_.rest);
      if (listed) {
        const auto count = static_cast<std::int64_t>(shape_.prefix.size() + listed->nodes.size());
        if (shape_.most < 0 || shape_.most > count) shape_.most = count;
        if (shape_.least > shape_.most) return Grammar::kNothing;
        if (listed->nodes.size() <= kMaxPermuted && shape_.prefix.empty() && shape_.contains.empty()) {
          return permutations(listed->nodes);
        }
      }
      const bool prune = listed && shape_.prefix.empty() && listed->strings;
      operands.push_back(grammar_.machine(distinct_items_machine(prune ? listed->strings : std::nullopt)));
    }
    if (shape_.contains.empty()) {
      operands.push_back(plain());
    } else if (states() <= kMaxStates) {
      operands.push_back(counted());
    } else {
      operands.push_back(plain());
      for (const ArrayShape::Contains& item : shape_.contains) operands.push_back(counting(item));
    }
    return operands.size() == 1 ? operands.front() : grammar_.intersect(operands);
  }

 private:
  NodeId value(GoalId goal) { return lowering_.value(goal, order_); }
  GoalId both(GoalId first, GoalId second) { return lowering_.document.conjunction(first, second); }
  NodeId enclosed(NodeId contents, bool or_empty) { return text_.enclosed('[', contents, ']', or_empty); }

  // Arrays by prefix, rest and length.
  NodeId plain() {
    std::int64_t most = shape_.most;
    std::vector<NodeId> prefix;
    for (std::size_t place = 0; place < shape_.prefix.size(); ++place) {
      const auto at = static_cast<std::int64_t>(place);
      const NodeId node = most < 0 || at < most ? value(shape_.prefix[place]) : Grammar::kNothing;
      if (node == Grammar::kNothing) {
        most = most < 0 ? at : std::min(most, at);
        break;
      }
      prefix.push_back(node);
    }
    const auto length = static_cast<std::int64_t>(prefix.size());
    NodeId rest = Grammar::kNothing;
    if (most < 0 || most > length) {
      rest = value(shape_.rest);
      if (rest == Grammar::kNothing) most = length;
    }
    if (most >= 0 && shape_.least > most) return Grammar::kNothing;
    if (most == 0) return enclosed(Grammar::kNothing, true);
    // What may follow `done` items, all of the prefix among them.
    const auto repeated = [&](std::int64_t done) {
      if (most >= 0 && most <= done) return Grammar::kEmpty;
      return grammar_.repeat(grammar_.seq(text_.comma, rest), bound(std::max<std::int64_t>(0, shape_.least - done)),
                             bound(most < 0 ? -1 : most - done));
    };
    NodeId contents = Grammar::kNothing;
    if (prefix.empty()) {
      contents = grammar_.seq(rest, repeated(1));
    } else {
      NodeId tail = repeated(length);
      for (std::int64_t place = length - 1; place > 0; --place) {
        tail = grammar_.seq(text_.comma, grammar_.join(prefix[static_cast<std::size_t>(place)], tail));
        if (shape_.least <= place) tail = grammar_.optional(tail);
      }
      contents = grammar_.join(prefix[0], tail);
    }
    return enclosed(contents, shape_.least == 0);
  }

  // Uniqueness --------------------------------------------------------------------------------------------------------

  // Whether uniqueItems says nothing more: at most one item, or items that cannot be equal.
  bool distinct_anyway() {
    if (shape_.most < 0) return false;
    if (shape_.most <= 1) return true;
    if (shape_.most > 16 || shape_.most > static_cast<std::int64_t>(shape_.prefix.size()) + 1) return false;
    const auto count = static_cast<std::size_t>(shape_.most);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!lowering_.normaliser.is_empty(both(shape_.item(i), shape_.item(j)))) return false;
      }
    }
    return true;
  }

  // A node for each of the values of `goal`; none if they may be many.
  std::optional<Listed> values(GoalId goal) {
    if (goal == kAnything) return std::nullopt;
    const Form form = lowering_.normaliser.form(goal);
    if (!form.arrays->empty() || !form.objects->empty() || form.strings->size() > 1) return std::nullopt;
    if (!form.strings->empty() && !form.strings->front().constants) return std::nullopt;
    if (form.numbers->size() > kMaxListed) return std::nullopt;
    for (const NumberShape& shape : *form.numbers) {
      if (!shape.is_point()) return std::nullopt;
    }
    Listed out;
    if (form.null) out.nodes.push_back(literal("null"));
    if ((form.booleans & kFalseBit) != 0) out.nodes.push_back(literal("false"));
    if ((form.booleans & kTrueBit) != 0) out.nodes.push_back(literal("true"));
    for (const NumberShape& shape : *form.numbers) out.nodes.push_back(lowering_.number(shape));
    if (out.nodes.empty()) out.strings.emplace();
    for (const StringShape& shape : *form.strings) {
      if (shape.constants->size() > kMaxListed) return std::nullopt;
      for (const StringId text : *shape.constants) {
        if (!shape.atoms.empty() && !shape.admits(text, lowering_.normaliser)) continue;
        out.nodes.push_back(text_.string(lowering_.strings.exactly(text)));
        if (out.strings) out.strings->emplace_back(lowering_.normaliser.strings().text(text));
      }
    }
    return out;
  }

  NodeId literal(std::string_view word) {
    NodeId node = Grammar::kEmpty;
    for (auto c = word.rbegin(); c != word.rend(); ++c) {
      const auto code = static_cast<std::uint8_t>(*c);
      node = grammar_.seq(grammar_.chars({{code, code}}, Codec::kBytes), node);
    }
    return node;
  }

  // Arrays of distinct values out of a few: one node for each set of values still to come.
  NodeId permutations(const std::vector<NodeId>& values) {
    const std::size_t count = values.size();
    const std::size_t everything = (std::size_t{1} << count) - 1;
    std::vector<NodeId> after(everything + 1, Grammar::kEmpty);
    const auto choices = [&](std::size_t left, NodeId joint, std::vector<NodeId>& parts) {
      for (std::size_t i = 0; i < count; ++i) {
        if ((left >> i & 1U) != 0)
          parts.push_back(grammar_.seq({joint, values[i], after[left & ~(std::size_t{1} << i)]}));
      }
    };
    for (std::size_t left = 1; left <= everything; ++left) {  // subsets of a set are smaller numbers
      const auto done = static_cast<std::int64_t>(count) - std::popcount(left);
      std::vector<NodeId> parts;
      if (done >= shape_.least) parts.push_back(Grammar::kEmpty);
      if (done < shape_.most) choices(left, text_.comma, parts);
      after[left] = grammar_.alt(parts);
    }
    std::vector<NodeId> first;
    if (shape_.most > 0) choices(everything, Grammar::kEmpty, first);
    return enclosed(grammar_.alt(first), shape_.least == 0);
  }

  // Contains ----------------------------------------------------------------------------------------------------------

  std::int64_t last_place() const {
    if (shape_.most >= 0) return shape_.most;
    std::int64_t last = std::max<std::int64_t>({static_cast<std::int64_t>(shape_.prefix.size()), shape_.least, 1});
    for (const ArrayShape::Contains& item : shape_.contains) last = std::max(last, item.from);
    return last;
  }
  static std::int64_t cap(const ArrayShape::Contains& item) { return item.most < 0 ? item.fewest : item.most; }

  std::int64_t states() const {
    std::int64_t states = std::min<std::int64_t>(last_place(), kMaxStates) + 1;
    for (const ArrayShape::Contains& item : shape_.contains) {
      states *= std::min<std::int64_t>(cap(item), kMaxStates) + 1;
      if (states > kMaxStates) break;
    }
    return states;
  }

  struct Move {
    Counts counts;
    NodeId item;
  };

  // Every way in which the item at `place` may match, with the counts afterwards.
  std::vector<Move> moves(std::int64_t place, const Counts& counts) {
    std::vector<std::pair<Counts, GoalId>> ways = {{counts, shape_.item(static_cast<std::size_t>(place))}};
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const ArrayShape::Contains& wanted = shape_.contains[i];
      if (place < wanted.from) continue;
      std::vector<std::pair<Counts, GoalId>> further;
      for (const auto& [so_far, goal] : ways) {
        // Without an upper bound, items that are not counted may match as well: at least so many do.
        const GoalId other = wanted.most < 0 ? kAnything : lowering_.document.negation(wanted.goal);
        further.emplace_back(so_far, both(goal, other));
        if (so_far[i] < cap(wanted)) {
          further.emplace_back(so_far, both(goal, wanted.goal));
          ++further.back().first[i];
        }
      }
      ways = std::move(further);
    }
    std::vector<Move> found;
    for (const auto& [after, goal] : ways) {
      const NodeId node = value(goal);
      if (node != Grammar::kNothing) found.push_back({after, node});
    }
    return found;
  }

  // One node for each place and each count of matches, no further than they matter.
  NodeId counted() {
    const std::int64_t last = last_place();
    std::vector<Counts> every = {{}};
    for (const ArrayShape::Contains& item : shape_.contains) {
      std::vector<Counts> longer;
      for (std::int64_t count = cap(item); count >= 0; --count) {
        for (const Counts& counts : every) {
          longer.push_back(counts);
          longer.back().push_back(count);
        }
      }
      every = std::move(longer);
    }
    const auto enough = [&](const Counts& counts) {
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] < shape_.contains[i].fewest) return false;
      }
      return true;
    };
    // Larger counts first: a state leads to itself or to those.
    std::stable_sort(every.begin(), every.end(), [](const Counts& a, const Counts& b) {
      return std::accumulate(a.begin(), a.end(), std::int64_t{0}) >
             std::accumulate(b.begin(), b.end(), std::int64_t{0});
    });
    std::map<std::pair<std::int64_t, Counts>, NodeId> after;
    for (std::int64_t place = last; place > 0; --place) {
      for (const Counts& counts : every) {
        std::vector<NodeId> parts;
        std::vector<NodeId> loops;
        if (place >= shape_.least && enough(counts)) parts.push_back(Grammar::kEmpty);
        if (shape_.most < 0 || place < shape_.most) {
          for (const Move& move : moves(place, counts)) {
            const NodeId member = grammar_.seq(text_.comma, move.item);
            if (place == last && move.counts == counts) {
              loops.push_back(member);
            } else {
              parts.push_back(grammar_.seq(member, after.at({std::min(place + 1, last), move.counts})));
            }
          }
        }
        const NodeId node = grammar_.alt(parts);
        after[{place, counts}] =
            loops.empty() ? node : grammar_.seq(grammar_.repeat(grammar_.alt(loops), 0, Grammar::kUnbounded), node);
      }
    }
    const Counts zero(shape_.contains.size(), 0);
    std::vector<NodeId> first;
    if (last > 0) {
      for (const Move& move : moves(0, zero)) first.push_back(grammar_.seq(move.item, after.at({1, move.counts})));
    }
    return enclosed(grammar_.alt(first), shape_.least == 0 && enough(zero));
  }

  // Arrays of which so many items satisfy one goal, with a counter instead of a node for each count.
  NodeId counting(const ArrayShape::Contains& wanted) {
    // As a condition beside others it must not ask for an order of its own.
    const auto unordered = [&](GoalId goal) { return lowering_.value(goal, Order::kAny); };
    const NodeId any = unordered(kAnything);
    const NodeId match = unordered(wanted.goal);
    const NodeId other = wanted.most < 0 ? any : unordered(lowering_.document.negation(wanted.goal));
    const auto behind = [&](NodeId node) { return grammar_.seq(text_.comma, node); };
    const auto any_number = [&](NodeId node) { return grammar_.repeat(node, 0, Grammar::kUnbounded); };
    const NodeId group = grammar_.seq(behind(match), any_number(behind(other)));
    // What follows an item, when `done` matches came already.
    const auto groups = [&](std::int64_t done) {
      if (wanted.most >= 0 && wanted.most < done) return Grammar::kNothing;
      return grammar_.repeat(group, bound(std::max<std::int64_t>(0, wanted.fewest - done)),
                             bound(wanted.most < 0 ? -1 : wanted.most - done));
    };
    const NodeId others = any_number(behind(other));
    if (wanted.from == 0) {
      const NodeId contents =
          grammar_.alt({grammar_.seq({other, others, groups(0)}), grammar_.seq({match, others, groups(1)})});
      return enclosed(contents, wanted.fewest == 0);
    }
    const auto skipped = bound(wanted.from - 1);
    const NodeId before = grammar_.seq(any, grammar_.repeat(behind(any), skipped, skipped));
    std::vector<NodeId> contents = {grammar_.seq({before, others, groups(0)})};
    if (wanted.fewest == 0) contents.push_back(grammar_.seq(any, grammar_.repeat(behind(any), 0, skipped)));
    return enclosed(grammar_.alt(contents), wanted.fewest == 0);
  }

  Lowering& lowering_;
  Grammar& grammar_;
  const Punctuation& text_;
  Order order_;
  ArrayShape shape_;
};

}  // namespace

NodeId array_text(Lowering& lowering, const ArrayShape& shape, Order order) {
  return ArrayText(lowering, shape, order).whole();
}

}  // namespace tamis::schema
