// The Python module tamis.grammars._core.
#include "formats/bindings.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "automaton/automaton.hpp"
#include "automaton/diagnosis.hpp"
#include "automaton/token_budget.hpp"
#include "grammar/ir.hpp"
#include "grammar/passes.hpp"
#include "json_schema/bindings.hpp"
#include "lark/bindings.hpp"
#include "regex/bindings.hpp"
#include "special.hpp"
#include "substring/substring_machine.hpp"
#include "vocabulary/token_automaton.hpp"
#include "vocabulary/vocabulary.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace tamis;

namespace {

template <typename T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename T, typename... Sizes>
auto new_array(T* data, Sizes... sizes) {
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::ndarray<nb::numpy, T, nb::ndim<sizeof...(Sizes)>>(data, {static_cast<std::size_t>(sizes)...}, owner);
}

std::string_view view(const nb::bytes& bytes) { return {static_cast<const char*>(bytes.data()), bytes.size()}; }

class Builder {
 public:
  explicit Builder(bool labels) : labels_(labels) {}

  NodeId chars(const std::vector<CodePointRange>& ranges, int codec) {
    return changeable().chars(ranges, checked_codec(codec));
  }
  NodeId literal(const nb::bytes& data) {
    const std::string_view bytes = view(data);
    return characters(bytes.begin(), bytes.end(), Codec::kBytes);
  }
  NodeId text(const nb::str& string, int codec) {
    const Codec checked = checked_codec(codec);
    const std::unique_ptr<Py_UCS4, void (*)(void*)> characters_of(PyUnicode_AsUCS4Copy(string.ptr()), PyMem_Free);
    if (characters_of == nullptr) throw nb::python_error();
    const Py_UCS4* begin = characters_of.get();
    return characters(begin, begin + PyUnicode_GetLength(string.ptr()), checked);
  }
  NodeId seq(const std::vector<NodeId>& nodes) { return changeable().seq(checked(nodes)); }
  NodeId alt(const std::vector<NodeId>& nodes) { return changeable().alt(checked(nodes)); }
  NodeId intersect(const std::vector<NodeId>& nodes) { return changeable().intersect(checked(nodes)); }
  NodeId repeat(NodeId node, std::int32_t min, std::int32_t max) {
    return changeable().repeat(checked({node})[0], min, max);
  }
  NodeId complement(NodeId node) { return changeable().complement(checked({node})[0]); }
  NodeId machine(std::shared_ptr<MachineSource> source) { return changeable().machine(std::move(source)); }
  NodeId rule(std::string name) {
    const NodeId made = changeable().rule(std::move(name));
    grammar_->rules[(*grammar_)[made].a].label = labels_;
    return made;
  }
  NodeId label(std::string name, NodeId node) {
    const NodeId labelled = checked({node})[0];
    return labels_ ? changeable().label(std::move(name), labelled) : labelled;
  }
  bool labels() const { return labels_; }
  NodeId special(const std::string& name) { return changeable().special(name); }
  void define(NodeId rule, NodeId body) { changeable().define(rule, checked({body})[0]); }
  bool is_nothing(NodeId node) const { return node == Grammar::kNothing; }
  std::string node_text(NodeId node) { return to_text(*grammar_, checked({node})[0]); }

  NodeId json_schema(std::string source, std::optional<std::string> resources, const std::string& property_order,
                     const std::string& whitespace, bool assert_formats, const nb::callable& patterns,
                     const nb::callable& documents) {
    const schema::Options options = schema::options_of(property_order, whitespace, assert_formats, labels_);
    const auto fragment_of = [](const nb::handle& builder, NodeId node) {
      return schema::Fragment{nb::cast<Builder&>(builder).grammar_, node};
    };
    return schema::lower_schema(changeable(), std::move(source), std::move(resources), options, patterns, documents,
                                fragment_of);
  }

  std::vector<std::pair<std::string, std::string>> trace(NodeId start) {
    Grammar copy = *grammar_;
    copy.start = checked({start})[0];
    check_defined(copy);
    std::vector<std::pair<std::string, std::string>> steps = {{"source", to_text(copy)}};
    for (const Pass& pass : passes()) {
      if (pass.needed(copy)) pass.run(copy);
      steps.emplace_back(pass.name, to_text(copy));
    }
    return steps;
  }
  std::shared_ptr<Automaton> compile(NodeId start, std::size_t memory_limit, std::size_t max_states) {
    checked({start});
    if (grammar_->start != start) changeable().start = start;
    const std::shared_ptr<const Grammar> grammar = grammar_;
    const nb::gil_scoped_release release;
    return std::make_shared<Automaton>(grammar, Automaton::Limits{max_states, memory_limit});
  }

 private:
  static Codec checked_codec(int codec) {
    if (codec < 0 || codec > 2) throw nb::value_error("codec must be 0 (bytes), 1 (UTF-8) or 2 (JSON string)");
    return static_cast<Codec>(codec);
  }
  template <typename Iterator>
  NodeId characters(Iterator begin, Iterator end, Codec codec) {
    Grammar& grammar = changeable();
    std::unordered_map<std::uint32_t, NodeId> known;  // per code point
    std::vector<NodeId> nodes;
    nodes.reserve(static_cast<std::size_t>(end - begin));
    for (; begin != end; ++begin) {
      const auto code =
          static_cast<std::uint32_t>(static_cast<std::make_unsigned_t<std::remove_cvref_t<decltype(*begin)>>>(*begin));
      const auto [found, inserted] = known.try_emplace(code, Grammar::kNothing);
      if (inserted) found->second = grammar.chars({{code, code}}, codec);
      nodes.push_back(found->second);
    }
    return grammar.seq(nodes);
  }
  std::vector<NodeId> checked(std::vector<NodeId> nodes) const {
    for (const NodeId node : nodes) {
      if (node >= grammar_->size()) throw nb::value_error("a node of another builder");
    }
    return nodes;
  }

  // Automata read the grammar as they grow: once one has it, changes go to a copy.
  Grammar& changeable() {
    if (grammar_.use_count() > 1) grammar_ = std::make_shared<Grammar>(*grammar_);
    return *grammar_;
  }

  std::shared_ptr<Grammar> grammar_ = std::make_shared<Grammar>();
  bool labels_;
};

void make_vocabulary(Vocabulary* self, const nb::list& tokens, const std::vector<TokenId>& eos_ids,
                     const std::map<TokenId, std::string>& special_tokens) {
  std::vector<std::optional<std::string>> bytes;
  bytes.reserve(tokens.size());
  for (const nb::handle token : tokens) {
    if (token.is_none()) {
      bytes.emplace_back();
    } else if (!nb::isinstance<nb::bytes>(token)) {
      throw nb::type_error(("token " + std::to_string(bytes.size()) + " is neither bytes nor None").c_str());
    } else {
      bytes.emplace_back(std::string(view(nb::cast<nb::bytes>(token))));
    }
  }
  new (self) Vocabulary(std::move(bytes), eos_ids, {special_tokens.begin(), special_tokens.end()});
}

auto check(const TokenAutomaton& automaton, const Vector<std::int64_t>& states, const Matrix<std::int32_t>& tokens) {
  const std::size_t rows = states.shape(0);
  const std::size_t columns = tokens.shape(1);
  if (tokens.shape(0) != rows) throw nb::value_error("check: states is (S,) and tokens is (S, K)");
  auto allowed = std::make_unique<bool[]>(rows * columns);
  {
    const nb::gil_scoped_release release;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) automaton.vocabulary().prefetch(tokens.data()[r * columns + c]);
      for (std::size_t c = 0; c < columns; ++c) {
        const std::size_t at = r * columns + c;
        allowed[at] = automaton.allows(states.data()[r], tokens.data()[at]);
      }
    }
  }
  return new_array(allowed.release(), rows, columns);
}

auto advance(const TokenAutomaton& automaton, const Vector<std::int64_t>& states, const Vector<std::int32_t>& tokens) {
  const std::size_t rows = states.shape(0);
  if (tokens.shape(0) != rows) throw nb::value_error("advance: states and tokens are both (S,)");
  auto next = std::make_unique<std::int64_t[]>(rows);
  {
    const nb::gil_scoped_release release;
    for (std::size_t r = 0; r < rows; ++r) next[r] = automaton.advance(states.data()[r], tokens.data()[r]);
  }
  return new_array(next.release(), rows);
}

auto mask(const TokenAutomaton& automaton, std::int64_t state) {
  std::shared_ptr<const TokenAutomaton::Mask> words;
  {
    const nb::gil_scoped_release release;
    words = automaton.mask(state);
  }
  auto copy = std::make_unique<std::uint32_t[]>(words->size());
  std::copy(words->begin(), words->end(), copy.get());
  return new_array(copy.release(), words->size());
}

void fill_mask(const TokenAutomaton& automaton, std::int64_t state,
               nb::ndarray<std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> out) {
  const std::size_t size = (automaton.vocabulary().size() + 31) / 32;
  if (out.shape(0) != size) {
    throw nb::value_error(("fill_mask: out has " + std::to_string(out.shape(0)) + " words, the mask " +
                           std::to_string(size) + " (one bit for each token of the vocabulary)")
                              .c_str());
  }
  const nb::gil_scoped_release release;
  const std::shared_ptr<const TokenAutomaton::Mask> words = automaton.mask(state);
  std::copy(words->begin(), words->end(), out.data());
}

std::int64_t replay(const TokenAutomaton& automaton, const Vector<std::int32_t>& tokens) {
  const nb::gil_scoped_release release;
  std::int64_t state = automaton.start();
  for (std::size_t i = 0; i < tokens.shape(0); ++i) state = automaton.advance(state, tokens.data()[i]);
  return state;
}

auto masks(const TokenAutomaton& automaton, const Vector<std::int64_t>& states,
           std::optional<nb::ndarray<std::uint32_t, nb::numpy, nb::ndim<2>, nb::c_contig, nb::device::cpu>> out) {
  const std::size_t rows = states.shape(0);
  const std::size_t words = (automaton.vocabulary().size() + 31) / 32;
  if (!out) {
    auto made = std::make_unique<std::uint32_t[]>(rows * words);
    out = nb::cast<nb::ndarray<std::uint32_t, nb::numpy, nb::ndim<2>, nb::c_contig, nb::device::cpu>>(
        nb::cast(new_array(made.release(), rows, words)));
  } else if (out->shape(0) != rows || out->shape(1) != words) {
    throw nb::value_error(("masks: out is (" + std::to_string(out->shape(0)) + ", " + std::to_string(out->shape(1)) +
                           "), the masks of " + std::to_string(rows) + " states are (" + std::to_string(rows) + ", " +
                           std::to_string(words) + ")")
                              .c_str());
  }
  const nb::gil_scoped_release release;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::shared_ptr<const TokenAutomaton::Mask> mask = automaton.mask(states.data()[r]);
    std::copy(mask->begin(), mask->end(), out->data() + r * words);
  }
  return *out;
}

auto forced_tokens(const TokenAutomaton& automaton, std::int64_t state, std::size_t most) {
  std::vector<TokenId> tokens;
  {
    const nb::gil_scoped_release release;
    tokens = automaton.forced(state, most);
  }
  auto copy = std::make_unique<std::int32_t[]>(tokens.size());
  std::copy(tokens.begin(), tokens.end(), copy.get());
  return new_array(copy.release(), tokens.size());
}

std::shared_ptr<TokenAutomaton> bind(std::shared_ptr<Automaton> automaton, std::shared_ptr<Vocabulary> vocabulary,
                                     const nb::bytes& prefix) {
  try {
    return std::make_shared<TokenAutomaton>(std::move(automaton), vocabulary, std::string(view(prefix)));
  } catch (const SpecialTokenError& error) {
    std::vector<std::string> names;
    for (const auto& [token, name] : vocabulary->specials()) {
      if (!vocabulary->is_stop(token)) names.push_back(name);
    }
    const nb::object refusal = nb::module_::import_("tamis.grammars.errors").attr("no_special_token");
    const nb::object made = refusal(error.name, names, error.is_stop);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
    throw nb::python_error();
  }
}

StateId checked_state(const Automaton& automaton, std::int64_t state) {
  if (!automaton.has(state)) {
    throw nb::index_error(("state " + std::to_string(state) + " does not belong to this automaton").c_str());
  }
  return static_cast<StateId>(state);
}

nb::bytes bytes_of(const std::bitset<256>& set) {
  std::string bytes;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (set[byte]) bytes.push_back(static_cast<char>(byte));
  }
  return nb::bytes(bytes.data(), bytes.size());
}

nb::bytes next_bytes(const Automaton& automaton, std::int64_t state) {
  const StateId checked = checked_state(automaton, state);
  std::bitset<256> found;
  {
    const nb::gil_scoped_release release;
    found = automaton.next_bytes(checked);
  }
  return bytes_of(found);
}

nb::bytes forced_bytes(const Automaton& automaton, std::int64_t state, std::size_t most) {
  const StateId checked = checked_state(automaton, state);
  std::string bytes;
  {
    const nb::gil_scoped_release release;
    bytes = automaton.forced(checked, most);
  }
  return nb::bytes(bytes.data(), bytes.size());
}

std::optional<nb::bytes> completion(const Automaton& automaton, std::int64_t state, std::size_t most) {
  const StateId checked = checked_state(automaton, state);
  std::optional<std::string> bytes;
  {
    const nb::gil_scoped_release release;
    bytes = automaton.completion(checked, most);
  }
  if (!bytes) return std::nullopt;
  return nb::bytes(bytes->data(), bytes->size());
}

std::optional<nb::bytes> token_completion(const TokenAutomaton& automaton, std::int64_t state, std::size_t most) {
  std::optional<std::string> bytes;
  {
    const nb::gil_scoped_release release;
    bytes = automaton.completion(state, most);
  }
  if (!bytes) return std::nullopt;
  return nb::bytes(bytes->data(), bytes->size());
}

std::pair<StateId, std::size_t> longest(const Automaton& automaton, std::int64_t state, const nb::bytes& data) {
  const StateId checked = checked_state(automaton, state);
  const nb::gil_scoped_release release;
  return automaton.longest(checked, view(data));
}

nb::list diagnose(const Automaton& automaton, std::int64_t state, std::optional<int> refused) {
  const StateId checked = checked_state(automaton, state);
  if (refused && (*refused < 0 || *refused > 255)) throw nb::value_error("refused is a byte or None");
  std::vector<Place> places;
  {
    const nb::gil_scoped_release release;
    places = automaton.diagnose(checked, refused.value_or(-1));
  }
  nb::list out;
  for (const Place& place : places) {
    out.append(nb::make_tuple(place.rules, bytes_of(place.next), place.expected, place.refusals));
  }
  return out;
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Grammar automata over bytes and tokens.";
  // The cache of automata lives until the interpreter ends; that is no leak.
  nb::set_leak_warnings(false);
  const auto compile_error = nb::exception<CompileError>(m, "CompileError", PyExc_ValueError);
  nb::exception<EmptyLanguageError>(m, "EmptyLanguageError", compile_error);
  nb::exception<LimitError>(m, "AutomatonLimitError", PyExc_RuntimeError);

  m.def("canonical_json", &schema::canonical_text, "source"_a,
        "The same JSON in ASCII without blanks; raises GrammarError, with line and column, for other texts.");

  m.def(
      "json_text", &schema::text_of, "value"_a, "what"_a,
      "The JSON of a Python value in ASCII without blanks; raises GrammarError where it has none, about `what` it is.");

  nb::class_<MachineSource>(m, "MachineSource", nb::is_weak_referenceable(),
                            "A language that no grammar can say; see GrammarBuilder.machine.");
  lark::bind(m);
  bind_regex(m);
  formats::bind_formats(m);
  m.def(
      "substring_machine",
      [](const std::string& text, int unit) {
        if (unit < 0 || unit > 2) throw nb::value_error("unit must be 0 (characters), 1 (words) or 2 (lines)");
        const nb::gil_scoped_release release;
        return substring_source(text, static_cast<SubstringUnit>(unit));
      },
      "text"_a, "unit"_a, "The machine of the pieces of a text: 0 runs of characters, 1 of words, 2 of lines.");
  m.def(
      "token_budget",
      [](int tokens) {
        if (tokens < 1 || tokens > kMostTokens) throw nb::value_error("tokens must be from 1 to 1,000,000,000");
        return token_budget(tokens);
      },
      "tokens"_a, "All bytes, spelled with at most so many tokens; an operand of intersections.");
  m.def("special_bytes", [](const std::string& name) {
    const std::string bytes = special_bytes(name);
    return nb::bytes(bytes.data(), bytes.size());
  });

  nb::class_<Builder>(m, "GrammarBuilder", "Builds a grammar expression by expression; nodes are ints of this builder.")
      .def(nb::init<bool>(), "labels"_a = false,
           "With `labels`, rules and labels keep their names, so that `diagnose` can tell them.")
      .def_prop_ro("labels", &Builder::labels)
      .def(
          "nothing", [](Builder&) { return Grammar::kNothing; }, "The empty language.")
      .def(
          "empty", [](Builder&) { return Grammar::kEmpty; }, "The empty string.")
      .def("chars", &Builder::chars, "ranges"_a, "codec"_a,
           "One character out of inclusive code point ranges, as the codec writes it.")
      .def("literal", &Builder::literal, "data"_a, "Exactly these bytes.")
      .def("text", &Builder::text, "string"_a, "codec"_a, "These characters, each as the codec may write it.")
      .def("seq", &Builder::seq, "nodes"_a)
      .def("alt", &Builder::alt, "nodes"_a)
      .def("repeat", &Builder::repeat, "node"_a, "min"_a, "max"_a, "max = -1: without bound.")
      .def("intersect", &Builder::intersect, "nodes"_a, "What all nodes accept.")
      .def("complement", &Builder::complement, "node"_a, "Every byte string that node rejects.")
      .def("machine", &Builder::machine, "source"_a, "What a machine accepts.")
      .def("special", &Builder::special, "name"_a, "The special token of this name; see Vocabulary.")
      .def("rule", &Builder::rule, "name"_a, "Declares a rule; the node refers to it.")
      .def("label", &Builder::label, "name"_a, "node"_a,
           "The node under a name that diagnostics can tell; without `labels` the node itself.")
      .def("define", &Builder::define, "rule"_a, "body"_a)
      .def("json_schema", &Builder::json_schema, "source"_a, "resources"_a.none(), "property_order"_a, "whitespace"_a,
           "assert_formats"_a, "patterns"_a, "documents"_a,
           "The JSON texts of the instances of a schema.  patterns(kind, text, codec, pointer) returns (builder, "
           "node), or "
           "None for a format that asserts nothing; documents(uri) the JSON text of a well-known document, or None.")
      .def("is_nothing", &Builder::is_nothing, "node"_a)
      .def("to_text", &Builder::node_text, "node"_a)
      .def("trace", &Builder::trace, "start"_a, "(pass, grammar as text) after every pass of the compiler.")
      .def("compile", &Builder::compile, "start"_a, "memory_limit"_a = std::size_t{1} << 30,
           "max_states"_a = std::size_t{2'000'000},
           "memory_limit is in bytes and holds for the automaton's whole life.");

  nb::class_<Vocabulary>(m, "Vocabulary", "The tokens of a model as bytes; None for tokens that are never text.")
      .def("__init__", &make_vocabulary, "tokens"_a, "eos_ids"_a, "special_tokens"_a = std::map<TokenId, std::string>())
      .def_prop_ro(
          "special_tokens",
          [](const Vocabulary& v) { return std::map<TokenId, std::string>(v.specials().begin(), v.specials().end()); },
          "The names of special tokens by id, those of stop tokens included.")
      .def_prop_ro("size", &Vocabulary::size)
      .def_prop_ro("eos_ids", &Vocabulary::stop_ids)
      .def_prop_ro("memory_bytes", &Vocabulary::memory_bytes)
      .def(
          "token_bytes",
          [](const Vocabulary& v, TokenId token) -> std::optional<nb::bytes> {
            if (token < 0 || static_cast<std::size_t>(token) >= v.size()) throw nb::index_error("no such token");
            const auto text = v.bytes(token);
            if (!text) return std::nullopt;
            return nb::bytes(text->data(), text->size());
          },
          "token"_a, "None for tokens that are never text.");

  nb::class_<Automaton>(m, "Automaton", "A grammar automaton over bytes; states are ints.")
      .def_prop_ro("start", &Automaton::start)
      .def(
          "advance",
          [](const Automaton& a, std::int64_t state, const nb::bytes& data) -> std::optional<StateId> {
            const StateId checked = checked_state(a, state);
            const nb::gil_scoped_release release;
            const StateId next = a.advance(checked, view(data));
            if (next == Automaton::kDead) return std::nullopt;
            return next;
          },
          "state"_a, "data"_a, "The state after these bytes, None where they cannot follow.")
      .def(
          "end_token",
          [](const Automaton& a, std::int64_t state) -> std::optional<StateId> {
            const StateId checked = checked_state(a, state);
            const nb::gil_scoped_release release;
            const StateId next = a.end_token(checked);
            if (next == Automaton::kDead) return std::nullopt;
            return next;
          },
          "state"_a,
          "The state when a token has ended with the last byte, None where it is one too many for a token budget; "
          "advance counts no tokens.")
      .def(
          "is_complete", [](const Automaton& a, std::int64_t state) { return a.is_complete(checked_state(a, state)); },
          "state"_a)
      .def(
          "accepts",
          [](const Automaton& a, const nb::bytes& data) {
            const nb::gil_scoped_release release;
            const StateId end = a.advance(a.start(), view(data));
            return end != Automaton::kDead && a.is_complete(end);
          },
          "data"_a)
      .def(
          "bind", &bind, "vocabulary"_a, "prefix"_a = nb::bytes("", 0),
          "Over tokens; with a prefix, the strings are those of the automaton behind these bytes.  Raises GrammarError "
          "where the vocabulary lacks a special token that the grammar asks for.")
      .def_prop_ro("counts_tokens", &Automaton::counts_tokens, "Whether a budget in the grammar counts tokens.")
      .def_prop_ro("special_tokens", &Automaton::specials, "The names of the special tokens that the grammar asks for.")
      .def("next_bytes", &next_bytes, "state"_a, "The bytes that may come next, ascending.")
      .def("forced", &forced_bytes, "state"_a, "most"_a = 4096,
           "The bytes that must come, until there is a choice or the text may end; at most `most` of them.")
      .def("completion", &completion, "state"_a, "most"_a = 20000,
           "The shortest bytes after which the text may end, of several the first in their order; None where more than "
           "`most` states are seen before.")
      .def("longest", &longest, "state"_a, "data"_a,
           "(state, n): the state after the first n bytes, behind which the next cannot follow or data ends.")
      .def(
          "diagnose", &diagnose, "state"_a, "refused"_a.none() = nb::none(),
          "Places in the grammar where a state stands, each as (rules under way, bytes that may come, what may come by "
          "name, why `refused` cannot come); refused: the next byte, or None for the end of the text.")
      .def_prop_ro("memory_bytes", [](const Automaton& a) { return a.statistics().memory_bytes; })
      .def("statistics", [](const Automaton& a) {
        const Automaton::Statistics s = a.statistics();
        nb::dict out;
        out["rules"] = s.rules;
        out["states"] = s.states;
        out["subsets"] = s.subsets;
        out["contexts"] = s.contexts;
        out["nfa_states"] = s.nfa_states;
        out["byte_classes"] = s.byte_classes;
        out["memory_bytes"] = s.memory_bytes;
        return out;
      });

  nb::class_<TokenAutomaton>(m, "TokenAutomaton", "A grammar automaton over the tokens of a vocabulary.")
      .def_prop_ro("start", &TokenAutomaton::start)
      .def("check", &check, "states"_a.noconvert(), "tokens"_a.noconvert(),
           "(S,) int64, (S, K) int32 -> (S, K) bool: may the token come next?")
      .def("advance", &advance, "states"_a.noconvert(), "tokens"_a.noconvert(),
           "(S,) int64, (S,) int32 -> (S,) int64, -1 where rejected.")
      .def("mask", &mask, "state"_a, "(ceil(V / 32),) uint32: bit i % 32 of word i // 32 is token i.")
      .def("fill_mask", &fill_mask, "state"_a, "out"_a.noconvert(),
           "Writes mask(state) into out, a contiguous (ceil(V / 32),) uint32 array.")
      .def("is_complete", &TokenAutomaton::is_complete, "state"_a)
      .def("replay", &replay, "tokens"_a.noconvert(),
           "(T,) int32 -> the state after these tokens from the start, -1 if rejected.")
      .def("masks", &masks, "states"_a.noconvert(), "out"_a.noconvert().none() = nb::none(),
           "(S,) int64 -> (S, ceil(V / 32)) uint32: the mask of every state, written into `out` if given.")
      .def("forced", &forced_tokens, "state"_a, "most"_a = 256,
           "The tokens that must come: one after the other, as long as one alone is allowed; at most `most` of them.")
      .def("completion", &token_completion, "state"_a, "most"_a = 20000,
           "The shortest bytes after which the text may end; see Automaton.completion.")
      .def_prop_ro("cached_mask_bytes", &TokenAutomaton::cached_mask_bytes)
      .def_prop_ro(
          "cheap_masks", [](const TokenAutomaton& a) { return a.automaton().has_cheap_masks(); },
          "Whether a mask costs about as much as a pass over a row of logits: not where a machine rides along that "
          "asks "
          "for many states, such as a Lark lexer or a back-reference.");
}
