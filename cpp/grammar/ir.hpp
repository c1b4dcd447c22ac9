// The grammar IR: a hash-consed pool of expression nodes plus rules that may refer to each other.
//
// Children are created before their parents, so ascending node order is a topological order: passes are plain loops
// over ids, never deep recursion.  References between rules go through rule numbers and may be cyclic.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../automaton/machine.hpp"

namespace tamis {

using NodeId = std::uint32_t;
using RuleId = std::uint32_t;

// A grammar that cannot be compiled; the message says why.
struct CompileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The grammar compiles to nothing at all: no string is accepted.
struct EmptyLanguageError : CompileError {
  EmptyLanguageError() : CompileError("the grammar accepts no string") {}
};

// Inclusive ranges of code points, sorted, disjoint and not adjacent.
using CodePointRange = std::pair<std::uint32_t, std::uint32_t>;
using CharSet = std::vector<CodePointRange>;

CharSet normalised(CharSet ranges);
CharSet set_union(const CharSet& a, const CharSet& b);
CharSet set_intersection(const CharSet& a, const CharSet& b);

// How one code point is written as bytes.
enum class Codec : std::uint8_t {
  kBytes,  // code points 0..255 are the bytes themselves
  kUtf8,
  kJson,  // inside a JSON string: UTF-8, the short escapes and \uXXXX
};

enum class NodeKind : std::uint8_t {
  kNothing,     // the empty language
  kEmpty,       // the empty string
  kChars,       // one character: a = char set, b = codec
  kSeq,         // a then b
  kAlt,         // any of the children
  kRepeat,      // a, between min and max times (max < 0: unbounded)
  kIntersect,   // all of the children (regular)
  kComplement,  // every byte string except a (regular)
  kRule,        // reference to rule a
  kMachine,     // what machine a accepts
};

struct Node {
  NodeKind kind;
  std::uint32_t a = 0;  // with b, the children of a kSeq
  std::uint32_t b = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
  std::uint32_t first_child = 0;
  std::uint32_t child_count = 0;
};

struct Rule {
  std::string name;
  NodeId body;  // kNothing until defined
  bool defined = false;
  bool label = false;   // kept as a rule of its own, for its name
  bool shared = false;  // meant to be: copies of it would not meet
};

class Grammar {
 public:
  static constexpr NodeId kNothing = 0;
  static constexpr NodeId kEmpty = 1;
  static constexpr std::int32_t kUnbounded = -1;

  Grammar();

  // Smart constructors: they apply the laws of the empty language and the empty string, merge character classes, put
  // what alternatives begin with in front of them and return the same id for the same expression.
  NodeId chars(CharSet ranges, Codec codec);
  NodeId seq(NodeId first, NodeId second);
  NodeId seq(const std::vector<NodeId>& nodes);
  // Like seq, but `first` stays one node: worth it where it is long and used in many places.
  NodeId join(NodeId first, NodeId second);
  NodeId alt(const std::vector<NodeId>& nodes);
  // Like alt, but both stay one node: worth it where `second` is long and used in many places.
  NodeId either(NodeId first, NodeId second);
  NodeId repeat(NodeId node, std::int32_t min, std::int32_t max);
  NodeId optional(NodeId node) { return alt({node, kEmpty}); }
  NodeId intersect(const std::vector<NodeId>& nodes);
  NodeId complement(NodeId node);
  NodeId any_byte() { return chars({{0, 255}}, Codec::kBytes); }

  NodeId machine(std::shared_ptr<const MachineSource> source);

  // The special token of a name, as special_bytes spells it.
  NodeId special(const std::string& name);

  NodeId rule(std::string name);
  RuleId add_rule(std::string name);
  // The same language under a name that diagnostics can tell: a rule that is never inlined.
  NodeId label(std::string name, NodeId node);
  NodeId reference(RuleId rule);
  void define(NodeId rule_node, NodeId body);

  const Node& operator[](NodeId id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }
  // Valid until the next node is made.
  std::span<const NodeId> children(NodeId id) const;
  const CharSet& char_set(std::uint32_t id) const { return char_sets_[id]; }

  std::vector<Rule> rules;
  std::vector<std::shared_ptr<const MachineSource>> machines;
  std::vector<std::string> specials;  // the names of all special tokens that were asked for
  NodeId start = kNothing;

 private:
  NodeId alt(const std::vector<NodeId>& nodes, int depth);
  std::vector<NodeId> factored(const std::vector<NodeId>& alternatives, int depth);
  NodeId intern(Node node, const std::vector<NodeId>& children = {});
  static std::uint64_t hash_of(const Node& node, std::span<const NodeId> children);
  void grow_index();
  std::uint32_t intern_char_set(CharSet set);

  std::vector<Node> nodes_;
  std::vector<NodeId> child_pool_;
  std::vector<CharSet> char_sets_;
  std::vector<std::pair<std::uint32_t, NodeId>> index_;  // open addressing: hash and node, kNothing where free
  std::unordered_multimap<std::uint64_t, std::uint32_t> char_set_index_;
};

// The grammar as text, one line per rule that the start can reach; passes are tested on it.
std::string to_text(const Grammar& grammar);
std::string to_text(const Grammar& grammar, NodeId node);

}  // namespace tamis
