// Patterns and formats of strings: lowered by the regular-expression front end, decided by small automata.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../automaton/automaton.hpp"
#include "../grammar/ir.hpp"
#include "strings.hpp"

namespace tamis::schema {

// A piece of grammar on its own, to be copied into others.
struct Fragment {
  std::shared_ptr<const Grammar> grammar;
  NodeId root = Grammar::kNothing;
};

// The node of `to` that means what the fragment does.
NodeId import_fragment(Grammar& to, const Fragment& fragment);

// kind ("pattern" or "format"), its text, the codec of its characters, the JSON pointer for errors.  No fragment: the
// format is one that nobody defines.
using LowerPattern =
    std::function<std::optional<Fragment>(const std::string&, const std::string&, Codec, const std::string&)>;

// The atoms of one schema.
class Patterns {
 public:
  enum class AtomKind : std::uint8_t { kPattern, kFormat, kUnion };
  struct Atom {
    AtomKind kind;
    StringId text = -1;
    StringUnion shapes = nullptr;
  };

  explicit Patterns(LowerPattern lower) : lower_(std::move(lower)) {}

  StringPool strings;

  // The atom of a `pattern`; whatever the front end throws for a bad one passes through.
  AtomId pattern(StringId text, const std::function<std::string()>& pointer);
  // The atom of a `format`; none where it is an annotation.
  std::optional<AtomId> format(StringId name, const std::function<std::string()>& pointer);
  AtomId union_of(StringUnion shapes);
  const Atom& atom(AtomId id) const { return atoms_[static_cast<std::size_t>(id)]; }

  // The pattern or format as a fragment.
  const Fragment& fragment(AtomId atom, Codec codec);
  // Whether the text matches the pattern or has the format (no union).
  bool matches(AtomId atom, StringId text);

 private:
  struct Codecs {
    std::optional<Fragment> json;
    std::optional<Fragment> utf8;
  };
  std::optional<Fragment> lowered(AtomKind kind, StringId text, Codec codec, const std::string& pointer);
  std::optional<AtomId> add(AtomKind kind, StringId text, const std::function<std::string()>& pointer);

  LowerPattern lower_;
  std::vector<Atom> atoms_;
  std::vector<Codecs> fragments_;
  std::vector<std::shared_ptr<const Automaton>> automata_;
  std::vector<bool> is_void_;
  std::unordered_map<StringId, AtomId> known_[2];
  std::unordered_map<StringUnion, AtomId> unions_;
  std::unordered_map<std::uint64_t, bool> answers_;
};

// Writes sets of strings into one grammar, their characters spelled by one codec.
class StringText {
 public:
  StringText(Grammar& grammar, Patterns& patterns, Codec codec);

  // The strings of a shape, without quotes.
  NodeId contents(const StringShape& shape);
  // All strings that match the pattern, have the format or are in the union.
  NodeId atom(AtomId atom);
  // Exactly this string, and what follows it.
  NodeId exactly(StringId text, NodeId tail = Grammar::kEmpty);

 private:
  NodeId character(std::uint32_t code_point);

  Grammar& grammar_;
  Patterns& patterns_;
  Codec codec_;
  NodeId any_character_;
  std::unordered_map<AtomId, NodeId> atoms_;
  std::vector<NodeId> ascii_;
};

// Whether no string is in the shape, which has no constants; false where that is too large a question.
bool has_no_strings(const StringShape& shape, Patterns& patterns);

}  // namespace tamis::schema
