#include "object_text.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <stdexcept>
#include <unordered_set>

namespace tamis::schema {
namespace {

// Bounds of what is unrolled: members that may come in any order, conditions that some member meets, parts of one
// object, groups of keys that patterns tell apart.
constexpr std::size_t kMaxUnordered = 3;
constexpr std::size_t kMaxExists = 2;
constexpr std::int64_t kMaxStates = 3000;
constexpr std::size_t kMaxGroups = 48;
// With more patterns than this on one object, it is asked which of them can match together.
constexpr std::size_t kMaxUnasked = 3;

std::int32_t bound(std::int64_t count) {
  return count < 0 ? Grammar::kUnbounded : static_cast<std::int32_t>(std::min<std::int64_t>(count, kLargestCount));
}

// Keys without a name that match some patterns and not others, and what their values must satisfy.
struct Group {
  std::vector<std::pair<AtomId, bool>> atoms;
  GoalId goal = kAnything;
};

// A declared key.
struct Named {
  StringId name;
  GoalId goal;
  bool required;
  NodeId value;
};

class ObjectText {
 public:
  ObjectText(Lowering& lowering, ObjectShape shape, Order order)
      : lowering_(lowering),
        grammar_(lowering.grammar),
        text_(lowering.text),
        oracle_(lowering.normaliser),
        document_(lowering.document),
        order_(order),
        shape_(std::move(shape)) {}

  NodeId whole() {
    std::vector<NodeId> operands;
    if (!find_groups()) split_patterns(operands);
    if (shape_.key != kAnything) key_node_ = key(shape_.key);
    if (!find_members()) return Grammar::kNothing;
    rest_ = others({});
    const NodeId sequence = members(operands);
    if (sequence == Grammar::kNothing) return sequence;
    operands.push_back(sequence);
    return operands.size() == 1 ? operands.front() : grammar_.intersect(operands);
  }

 private:
  NodeId value(GoalId goal) { return lowering_.value(goal, order_); }
  GoalId both(GoalId first, GoalId second) { return document_.conjunction(first, second); }
  NodeId enclosed(NodeId contents, bool or_empty) { return text_.enclosed('{', contents, '}', or_empty); }
  NodeId behind(NodeId node) { return grammar_.seq(text_.comma, node); }
  // A named member and what follows it; built from the back, so that each node is made once.
  NodeId with(const Named& member, NodeId tail = Grammar::kEmpty) {
    const NodeId behind_key = grammar_.seq({text_.quote, text_.colon, grammar_.join(member.value, tail)});
    return grammar_.seq(text_.quote, lowering_.strings.exactly(member.name, behind_key));
  }
  NodeId behind(const Named& member, NodeId tail = Grammar::kEmpty) {
    return tail == Grammar::kNothing ? tail : grammar_.seq(text_.comma, with(member, tail));
  }
  NodeId any_number(NodeId node) { return grammar_.repeat(node, 0, Grammar::kUnbounded); }
  bool is_open() const { return rest_ != Grammar::kNothing; }

  // The contents of strings that satisfy `goal`.
  NodeId key(GoalId goal) {
    std::vector<NodeId> parts;
    for (const StringShape& shape : *oracle_.form(goal).strings) parts.push_back(lowering_.strings.contents(shape));
    return grammar_.alt(parts);
  }
  bool satisfies(StringId name, GoalId goal) {
    if (goal == kAnything) return true;
    const Form form = oracle_.form(goal);
    return std::any_of(form.strings->begin(), form.strings->end(),
                       [&](const StringShape& shape) { return shape.admits(name, oracle_); });
  }

  // Keys without a name -----------------------------------------------------------------------------------------------

  // Groups of the keys without a name; false where there are too many.
  bool find_groups() {
    std::vector<AtomId> patterns;
    for (const auto& rules : shape_.rules) {
      for (const auto& [pattern, goal] : rules->patterns()) {
        if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end()) patterns.push_back(pattern);
      }
    }
    groups_ = {Group{}};
    for (const AtomId pattern : patterns) {
      std::vector<Group> further;
      for (const bool matches : {false, true}) {
        for (const Group& group : groups_) {
          document_.budget.spend(10);
          Group narrower = group;
          narrower.atoms.emplace_back(pattern, matches);
          StringShape shape;
          shape.atoms = narrower.atoms;
          if (patterns.size() > kMaxUnasked && matches && oracle_.no_strings(shape)) continue;
          further.push_back(std::move(narrower));
        }
      }
      groups_ = std::move(further);
      if (groups_.size() > kMaxGroups) return false;
    }
    for (Group& group : groups_) {
      for (const auto& rules : shape_.rules) {
        GoalId goal = kAnything;
        bool covered = false;
        for (const auto& [pattern, wanted] : rules->patterns()) {
          if (std::find(group.atoms.begin(), group.atoms.end(), std::pair{pattern, true}) == group.atoms.end())
            continue;
          covered = true;
          goal = both(goal, wanted);
        }
        group.goal = both(group.goal, covered ? goal : rules->other());
      }
    }
    std::erase_if(groups_, [](const Group& group) { return group.goal == kNothing; });
    return true;
  }

  // Every rule with patterns becomes conditions of its own, one for each pattern and one for the keys that match none.
  void split_patterns(std::vector<NodeId>& operands) {
    const auto condition = [&](KeyRules rules) {
      ObjectShape shape;
      shape.rules = {std::make_shared<const KeyRules>(std::move(rules))};
      operands.push_back(object_text(lowering_, shape, Order::kAny));
    };
    std::vector<std::shared_ptr<const KeyRules>> kept;
    for (const auto& rules : shape_.rules) {
      if (rules->patterns().empty()) {
        kept.push_back(rules);
        continue;
      }
      std::vector<StringShape> any;
      for (const auto& [pattern, goal] : rules->patterns()) {
        any.emplace_back().atoms = {{pattern, true}};
        if (goal != kAnything) condition(KeyRules({}, {{pattern, goal}}, kAnything));
      }
      const AtomId covered = oracle_.atom_of(oracle_.forms().keep(std::move(any)));
      condition(KeyRules(rules->properties(), {{covered, kAnything}}, rules->other()));
      kept.push_back(
          std::make_shared<const KeyRules>(rules->properties(), std::vector<std::pair<AtomId, GoalId>>{}, kAnything));
    }
    shape_.rules = std::move(kept);
    groups_ = {Group{}};
    for (const auto& rules : shape_.rules) groups_[0].goal = both(groups_[0].goal, rules->other());
    if (groups_[0].goal == kNothing) groups_.clear();
  }

  // The contents of keys that the atoms describe and that are none of the names.
  NodeId key_of(const std::vector<std::pair<AtomId, bool>>& atoms, const std::vector<StringId>& further) {
    std::vector<StringId> excluded;
    const auto exclude = [&](StringId name) {
      if (std::all_of(atoms.begin(), atoms.end(),
                      [&](const auto& atom) { return oracle_.matches(atom.first, name) == atom.second; })) {
        excluded.push_back(name);
      }
    };
    for (const StringId name : names_) exclude(name);
    for (const StringId name : further) {
      if (known_names_.count(name) == 0) exclude(name);
    }
    StringShape shape;
    shape.atoms = atoms;
    std::sort(shape.atoms.begin(), shape.atoms.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    shape.excluded = std::move(excluded);
    if (!shape.atoms.empty() && shape.atoms.front().second) return lowering_.strings.contents(shape);
    // Whatever is left of all strings.
    std::vector<NodeId> parts = {text_.any_string};
    for (const auto& [atom, holds] : shape.atoms) parts.push_back(grammar_.complement(lowering_.strings.atom(atom)));
    if (!shape.excluded.empty()) {
      std::vector<NodeId> texts;
      for (const StringId name : shape.excluded) texts.push_back(lowering_.strings.exactly(name));
      parts.push_back(grammar_.complement(grammar_.alt(texts)));
    }
    return parts.size() == 1 ? parts.front() : grammar_.intersect(parts);
  }

  // A member without a name that meets the conditions `claimed` (places in shape_.exists) as well.
  NodeId others(const std::vector<std::size_t>& claimed) {
    std::vector<NodeId> parts;
    for (const Group& group : groups_) {
      GoalId goal = group.goal;
      std::vector<std::pair<AtomId, bool>> atoms = group.atoms;
      std::vector<StringId> further;
      std::vector<NodeId> keys;
      bool possible = true;
      for (const std::size_t i : claimed) {
        const SomeMember& wanted = shape_.exists[i];
        goal = both(goal, wanted.value);
        const auto demand = [&](AtomId atom, bool holds) {
          if (std::find(atoms.begin(), atoms.end(), std::pair{atom, !holds}) != atoms.end()) possible = false;
          if (std::find(atoms.begin(), atoms.end(), std::pair{atom, holds}) == atoms.end()) {
            atoms.emplace_back(atom, holds);
          }
        };
        if (wanted.pattern >= 0) demand(wanted.pattern, true);
        if (wanted.outside) {
          for (const AtomId pattern : wanted.outside->patterns) demand(pattern, false);
          append_new(further, wanted.outside->names);
        }
        if (wanted.key != kAnything) keys.push_back(key(wanted.key));
      }
      if (!possible || goal == kNothing) continue;
      const NodeId node = value(goal);
      if (node == Grammar::kNothing) continue;
      if (key_node_) keys.push_back(*key_node_);
      NodeId contents = key_of(atoms, further);
      if (!keys.empty()) {
        keys.push_back(contents);
        contents = grammar_.intersect(keys);
      }
      parts.push_back(text_.member(contents, node));
    }
    return grammar_.alt(parts);
  }

  // Named keys --------------------------------------------------------------------------------------------------------

  // In the order of declaration; keys that are only required come last.  False where a required one is impossible.
  bool find_members() {
    const auto add = [&](StringId name) {
      if (known_names_.insert(name).second) names_.push_back(name);
    };
    for (const auto& rules : shape_.rules) {
      for (const auto& [name, goal] : rules->properties()) add(name);
    }
    const std::unordered_set<StringId> required(shape_.required.begin(), shape_.required.end());
    for (const StringId name : shape_.required) add(name);
    document_.budget.spend(20 * names_.size() * (shape_.rules.size() + 1));
    for (const StringId name : names_) {
      const GoalId goal = shape_.goal(name, oracle_);
      const bool needed = required.count(name) != 0;
      const NodeId node = goal == kNothing || !satisfies(name, shape_.key) ? Grammar::kNothing : value(goal);
      if (node == Grammar::kNothing) {
        if (!needed) continue;
        oracle_.contradictions.push_back(document_.pointer(goal).value_or(""));
        return false;
      }
      if (has_surrogate(oracle_.strings().text(name))) {  // which no text has
        if (needed) return false;
        continue;
      }
      members_.push_back({name, goal, needed, node});
    }
    return true;
  }

  // Sequences of members ----------------------------------------------------------------------------------------------

  // The object by its members, and conditions that go beyond their sequence into `operands`.
  NodeId members(std::vector<NodeId>& operands) {
    const auto required = static_cast<std::int64_t>(shape_.required.size());
    const auto named = static_cast<std::int64_t>(members_.size());
    std::int64_t least = shape_.least <= required ? 0 : shape_.least;
    std::int64_t most = shape_.most;
    if (!is_open()) {
      if (most >= named) most = -1;
      if (least > named) return Grammar::kNothing;
    }
    const bool some_values = std::any_of(shape_.exists.begin(), shape_.exists.end(),
                                         [](const SomeMember& member) { return member.value != kAnything; });
    const bool unordered = order_ == Order::kAny && named + (is_open() ? 1 : 0) > 1;
    const std::int64_t cap = most < 0 ? std::max<std::int64_t>(least, 1) : most;
    const bool many = (least > 0 || most >= 0) && (named + 1) * (cap + 1) > kMaxStates;
    // Keys that repeat would count twice, or stand for one that must exist.
    bool distinct = (least - required > 1 && is_open()) || some_values || many;
    const bool unroll = members_.size() <= kMaxUnordered && least <= 3 && most <= 3 && shape_.exists.empty();
    if (unordered && !unroll) distinct = true;
    if (distinct) operands.push_back(lowering_.keys(demands(least, most)));
    const bool told_apart = !unordered && least == 0 && most < 0 && shape_.exists.size() <= kMaxExists;
    if (!shape_.exists.empty() && told_apart) return with_some();
    for (const SomeMember& member : shape_.exists) operands.push_back(some(member));
    if (unordered) return unroll ? permuted(least, most) : anyhow();
    if ((least > 0 || most >= 0) && !many) return counted(least, most);
    return declared();
  }

  KeyDemands demands(std::int64_t least, std::int64_t most) {
    KeyDemands out;
    out.closed = !is_open();
    out.least = least;
    out.most = most;
    for (const Named& member : members_) {
      if (!member.required && !out.closed) continue;
      out.names.emplace_back(oracle_.strings().text(member.name));
      out.required.push_back(member.required);
    }
    return out;
  }

  // Named members in their order, then any number of others, built from the back.  What may follow a comma is one node
  // for each place, which holds the one for the next place: a place is as large as its member.
  NodeId declared() {
    bool may_close = true;
    NodeId keys = Grammar::kNothing;  // behind the quote
    if (is_open()) keys = grammar_.seq({without_quote(rest_), any_number(behind(rest_)), text_.closing('}')});
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      const NodeId first = without_quote(with(*member, following(keys, may_close)));
      keys = member->required ? first : grammar_.either(first, keys);
      may_close = may_close && !member->required;
    }
    const NodeId contents = grammar_.seq(text_.quote, keys);
    return grammar_.seq(text_.opening('{'), may_close ? grammar_.alt({contents, text_.right_brace}) : contents);
  }

  // What follows a member: another one, with one of these keys, or the end.
  NodeId following(NodeId keys, bool may_close) {
    NodeId next = keys;
    if (keys != Grammar::kNothing) next = grammar_.seq(text_.comma, grammar_.join(text_.quote, keys));
    return may_close ? grammar_.alt({next, text_.closing('}')}) : next;
  }

  NodeId without_quote(NodeId member) const {
    const Node& node = grammar_[member];
    if (node.kind != NodeKind::kSeq || node.a != text_.quote) throw std::logic_error("a member begins with a quote");
    return node.b;
  }

  // Members in order with a bound on their number: one node for each place and each count so far.
  NodeId counted(std::int64_t least, std::int64_t most) {
    const std::int64_t cap = most < 0 ? std::max<std::int64_t>(least, 1) : most;
    const NodeId another = behind(rest_);
    std::vector<NodeId> row;
    for (std::int64_t count = 0; count <= cap; ++count) {
      const std::int64_t missing = std::max<std::int64_t>(0, least - count);
      if (count > 0) {
        row.push_back(grammar_.repeat(another, bound(missing), bound(most < 0 ? -1 : most - count)));
      } else if (most == 0) {
        row.push_back(Grammar::kNothing);
      } else {
        const std::int64_t further = std::max<std::int64_t>(0, missing - 1);
        row.push_back(grammar_.seq(rest_, grammar_.repeat(another, bound(further), bound(most < 0 ? -1 : most - 1))));
      }
    }
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      const std::vector<NodeId> following = std::move(row);
      row.clear();
      for (std::int64_t count = 0; count <= cap; ++count) {
        const std::int64_t more = most < 0 && count == cap ? cap : count + 1;
        NodeId node = Grammar::kNothing;
        if (more <= cap) {
          const NodeId tail = following[static_cast<std::size_t>(more)];
          node = count > 0 ? behind(*member, tail) : with(*member, tail);
        }
        row.push_back(member->required ? node : grammar_.alt({node, following[static_cast<std::size_t>(count)]}));
      }
    }
    return enclosed(row[0], least == 0 && !has_required());
  }

  bool has_required() const {
    return std::any_of(members_.begin(), members_.end(), [](const Named& member) { return member.required; });
  }

  // Members in any order: one node for each set of members still to come and each count of the others.
  NodeId permuted(std::int64_t least, std::int64_t most) {
    const std::size_t count = members_.size();
    // How many other members are told apart; past it they no longer matter.
    const std::int64_t cap = !is_open() ? 0 : std::max<std::int64_t>({least, most, 0});
    std::size_t needed = 0;
    for (std::size_t i = 0; i < count; ++i) needed |= members_[i].required ? std::size_t{1} << i : 0;
    std::map<std::pair<std::size_t, std::int64_t>, NodeId> after;
    // What may follow; `begun`: some member came already.
    const auto contents = [&](std::size_t left, std::int64_t others, bool begun) {
      const std::int64_t done = static_cast<std::int64_t>(count) - std::popcount(left) + others;
      std::vector<NodeId> parts;
      if (begun && (left & needed) == 0 && done >= least) parts.push_back(Grammar::kEmpty);
      const NodeId joint = begun ? text_.comma : Grammar::kEmpty;
      NodeId loop = Grammar::kEmpty;
      if (most < 0 || done < most) {
        for (std::size_t i = 0; i < count; ++i) {
          if ((left >> i & 1U) == 0) continue;
          const NodeId tail = after.at({left & ~(std::size_t{1} << i), others});
          parts.push_back(begun ? behind(members_[i], tail) : with(members_[i], tail));
        }
        if (is_open() && others < cap) {
          parts.push_back(grammar_.seq({joint, rest_, after.at({left, others + 1})}));
        } else if (is_open() && begun) {
          loop = any_number(grammar_.seq(joint, rest_));
        } else if (is_open()) {
          parts.push_back(grammar_.seq(rest_, after.at({left, others})));
        }
      }
      return grammar_.seq(loop, grammar_.alt(parts));
    };
    const std::size_t everything = (std::size_t{1} << count) - 1;
    for (std::size_t left = 0; left <= everything; ++left) {
      for (std::int64_t others = cap; others >= 0; --others) after[{left, others}] = contents(left, others, true);
    }
    return enclosed(contents(everything, 0, false), least == 0 && needed == 0);
  }

  // Members in any order and number.
  NodeId anyhow() {
    std::vector<NodeId> parts = {rest_};
    for (const Named& member : members_) parts.push_back(with(member));
    const NodeId one = grammar_.alt(parts);
    return enclosed(grammar_.seq(one, any_number(behind(one))), !has_required());
  }

  // Members that must exist -------------------------------------------------------------------------------------------

  // Objects with a member as `wanted`, whatever else they have.
  NodeId some(const SomeMember& wanted) {
    const auto unordered = [&](GoalId goal) { return lowering_.value(goal, Order::kAny); };
    StringShape shape;
    if (wanted.pattern >= 0) shape.atoms.emplace_back(wanted.pattern, true);
    if (wanted.outside) {
      for (const AtomId pattern : wanted.outside->patterns) shape.atoms.emplace_back(pattern, false);
      shape.excluded = wanted.outside->names;
    }
    NodeId contents = shape == StringShape{} ? text_.any_string : lowering_.strings.contents(shape);
    if (wanted.key != kAnything) contents = grammar_.intersect({contents, key(wanted.key)});
    const NodeId special = text_.member(contents, unordered(wanted.value));
    const NodeId any = text_.member(text_.any_string, unordered(kAnything));
    return enclosed(grammar_.seq({any_number(grammar_.seq(any, text_.comma)), special, any_number(behind(any))}),
                    false);
  }

  // Members in order, of which some meet the conditions: one node for each place and each set of conditions still to
  // be met.
  NodeId with_some() {
    const std::size_t everything = (std::size_t{1} << shape_.exists.size()) - 1;
    const auto places = [&](std::size_t claimed) {
      std::vector<std::size_t> out;
      for (std::size_t i = 0; i < shape_.exists.size(); ++i) {
        if ((claimed >> i & 1U) != 0) out.push_back(i);
      }
      return out;
    };
    std::vector<NodeId> other;  // per set of conditions that one member without a name meets
    for (std::size_t claimed = 0; claimed <= everything; ++claimed) other.push_back(others(places(claimed)));
    // What follows when these conditions are left and all named members came or not.
    std::vector<NodeId> row(everything + 1);
    std::vector<NodeId> first(everything + 1);  // likewise when no member came at all
    for (std::size_t left = 0; left <= everything; ++left) {
      std::vector<NodeId> parts;
      std::vector<NodeId> first_parts;
      if (left == 0) parts.push_back(Grammar::kEmpty);
      for (std::size_t claimed = left; claimed != 0; claimed = (claimed - 1) & left) {
        parts.push_back(behind(grammar_.seq(other[claimed], row[left & ~claimed])));
        first_parts.push_back(grammar_.seq(other[claimed], row[left & ~claimed]));
      }
      row[left] = grammar_.seq(any_number(behind(rest_)), grammar_.alt(parts));
      first_parts.push_back(grammar_.seq(rest_, row[left]));
      first[left] = grammar_.alt(first_parts);
    }
    NodeId beginning = first[everything];
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      std::vector<std::pair<std::size_t, NodeId>> ways = {{0, with(*member)}};
      for (std::size_t claimed = 1; claimed <= everything; ++claimed) {
        GoalId goal = member->goal;
        bool possible = true;
        for (const std::size_t i : places(claimed)) {
          const SomeMember& wanted = shape_.exists[i];
          possible = possible && wanted.selects(member->name, oracle_) && satisfies(member->name, wanted.key);
          goal = both(goal, wanted.value);
        }
        if (!possible || goal == kNothing) continue;
        const NodeId node = value(goal);
        if (node != Grammar::kNothing) ways.emplace_back(claimed, with({member->name, goal, true, node}));
      }
      const std::vector<NodeId> following = row;
      for (std::size_t left = 0; left <= everything; ++left) {
        std::vector<NodeId> parts;
        if (!member->required) parts.push_back(following[left]);
        for (const auto& [claimed, node] : ways) {
          if ((claimed & left) == claimed) parts.push_back(behind(grammar_.seq(node, following[left & ~claimed])));
        }
        row[left] = grammar_.alt(parts);
      }
      std::vector<NodeId> parts;
      if (!member->required) parts.push_back(beginning);
      for (const auto& [claimed, node] : ways) parts.push_back(grammar_.seq(node, following[everything & ~claimed]));
      beginning = grammar_.alt(parts);
    }
    return enclosed(beginning, false);
  }

  Lowering& lowering_;
  Grammar& grammar_;
  const Punctuation& text_;
  Normaliser& oracle_;
  Document& document_;
  Order order_;
  ObjectShape shape_;
  std::optional<NodeId> key_node_;
  std::vector<Group> groups_;
  std::vector<StringId> names_;
  std::unordered_set<StringId> known_names_;
  std::vector<Named> members_;
  NodeId rest_ = Grammar::kNothing;
};

}  // namespace

NodeId object_text(Lowering& lowering, const ObjectShape& shape, Order order) {
  return ObjectText(lowering, shape, order).whole();
}

}  // namespace tamis::schema
