// Goals to grammar nodes: the text of JSON values, one node for each goal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "machines.hpp"
#include "normalise.hpp"
#include "number_text.hpp"
#include "patterns.hpp"

namespace tamis::schema {

enum class Whitespace : std::uint8_t { kCompact, kFlexible, kAny };

// In which order the keys of an object come: as they are declared, or in any.
enum class Order : std::uint8_t { kDeclared, kAny };

// The punctuation of JSON in one whitespace style.
//
// Compact: none; flexible: wherever JSON allows it up to four blanks, and a line break with up to 64 more, so that a
// model cannot go on with blanks forever; any: as JSON allows.
struct Punctuation {
  Punctuation(Grammar& grammar, Whitespace whitespace);

  NodeId string(NodeId contents) const;
  // A bracket with the blanks inside of it.
  NodeId opening(char bracket) const;
  NodeId closing(char bracket) const;
  // Brackets around contents (kNothing: there can be none), or around nothing if `or_empty`.
  NodeId enclosed(char opening, NodeId contents, char closing, bool or_empty) const;
  NodeId member(NodeId key, NodeId value) const;

  Grammar& grammar;
  NodeId blank;
  NodeId comma;
  NodeId colon;
  NodeId quote;
  NodeId right_brace;
  NodeId any_string;  // contents of strings
};

// Lowers the goals of one document into one grammar, each once.
class Lowering {
 public:
  Lowering(Grammar& grammar, Normaliser& normaliser, Whitespace whitespace, bool labels);

  // The node of a whole text: the value with blanks around it.
  NodeId root(GoalId goal, Order order);
  // The node of the values that satisfy `goal`.
  NodeId value(GoalId goal, Order order);

  NodeId number(const NumberShape& shape) { return numbers_.lower(shape); }
  NodeId array(const ArrayShape& shape, Order order);
  NodeId object(const ObjectShape& shape, Order order);
  // What `machine` accepts; machines that demand the same are one.
  NodeId keys(KeyDemands demands);

  Grammar& grammar;
  Normaliser& normaliser;
  Document& document;
  Punctuation text;
  StringText strings;  // as JSON spells them

 private:
  struct Key {
    GoalId goal;
    Order order;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>(key.goal) * 2 + (key.order == Order::kAny);
    }
  };

  NodeId body(GoalId goal, Order order);
  NodeId new_rule(GoalId goal);
  NodeId number_rule(const NumberShape& shape);
  std::string label(GoalId goal);
  bool is_shared(GoalId goal);
  NodeId also(NodeId base, const std::vector<std::pair<ArrayUnion, bool>>& unions);
  NodeId also(NodeId base, const std::vector<std::pair<ObjectUnion, bool>>& unions);
  template <typename Union>
  NodeId restricted(NodeId base, const std::vector<std::pair<Union, bool>>& unions);
  NodeId any_of(ArrayUnion shapes);
  NodeId any_of(ObjectUnion shapes);

  NumberText numbers_;
  std::unordered_map<NodeId, NodeId> number_rules_;  // by their bodies
  bool labels_;
  std::unordered_map<Key, NodeId, KeyHash> nodes_;
  std::unordered_map<Key, std::optional<NodeId>, KeyHash> open_;  // with its rule, once that is needed
  std::vector<std::pair<Key, NodeId>> waiting_;
  NodeId any_number_ = Grammar::kNothing;
  std::optional<NodeId> any_array_[2];
  std::optional<NodeId> any_object_[2];
  std::unordered_map<const void*, NodeId> unions_;
  std::vector<std::pair<KeyDemands, NodeId>> machines_;
};

}  // namespace tamis::schema
