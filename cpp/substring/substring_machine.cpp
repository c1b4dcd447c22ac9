#include "substring_machine.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "suffix_automaton.hpp"

namespace tamis {
namespace {

// Where units begin and end is written into the text, as bytes that no UTF-8 has; the machine reads them by itself.
constexpr std::uint8_t kBegin = 0xFE;
constexpr std::uint8_t kEnd = 0xFF;

bool is_blank(std::uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
bool is_continuation(std::uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

std::string marked(std::string_view text, SubstringUnit unit) {
  if (unit == SubstringUnit::kCharacters) return std::string(text);
  std::string out;
  if (unit == SubstringUnit::kLines) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out += static_cast<char>(kBegin);
      out += text.substr(at, end - at);
      out += static_cast<char>(kEnd);
      if (end < text.size()) out += '\n';
      at = end + 1;
    }
    return out;
  }
  std::size_t blanks = 0;  // where those before the word under way begin
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(static_cast<std::uint8_t>(text[at]))) {
      ++at;
      continue;
    }
    if (!out.empty()) out += text.substr(blanks, at - blanks);
    out += static_cast<char>(kBegin);
    for (; at < text.size() && !is_blank(static_cast<std::uint8_t>(text[at])); ++at) out += text[at];
    out += static_cast<char>(kEnd);
    blanks = at;
  }
  return out;
}

struct Substrings {
  SuffixAutomaton automaton;
  SubstringUnit unit;
};

class SubstringMachine final : public Machine {
 public:
  explicit SubstringMachine(std::shared_ptr<const Substrings> substrings)
      : substrings_(std::move(substrings)), automaton_(substrings_->automaton) {}

  State start() override { return SuffixAutomaton::kStart; }

  State step(State state, std::uint8_t byte) override {
    if (byte == kBegin || byte == kEnd) return kDead;
    const bool at_start = state == SuffixAutomaton::kStart;
    switch (substrings_->unit) {
      case SubstringUnit::kCharacters:
        if (at_start && is_continuation(byte)) return kDead;
        break;
      case SubstringUnit::kWords: {
        const bool between = at_start || is_blank(last(state));
        if (between && !is_blank(byte)) state = automaton_.step(state, kBegin);
        if (between && at_start && is_blank(byte)) return kDead;
        if (!between && is_blank(byte)) state = automaton_.step(state, kEnd);
        break;
      }
      case SubstringUnit::kLines:
        if (at_start || last(state) == '\n') state = automaton_.step(state, kBegin);
        if (byte == '\n') state = automaton_.step(state, kEnd);
        break;
    }
    return automaton_.step(state, byte);
  }

  bool is_complete(State state) override {
    if (state == SuffixAutomaton::kStart) return true;
    if (substrings_->unit == SubstringUnit::kCharacters) {
      const std::size_t next = automaton_.end(state) + 1;
      const std::string& text = automaton_.text();
      return next == text.size() || !is_continuation(static_cast<std::uint8_t>(text[next]));
    }
    if (substrings_->unit == SubstringUnit::kLines && last(state) == '\n') return true;
    return automaton_.step(state, kEnd) != SuffixAutomaton::kDead;
  }

  // Shared by all machines of the source, and counted by each.
  std::size_t memory_bytes() const override { return automaton_.memory_bytes(); }

 private:
  std::uint8_t last(State state) const { return static_cast<std::uint8_t>(automaton_.text()[automaton_.end(state)]); }

  std::shared_ptr<const Substrings> substrings_;
  const SuffixAutomaton& automaton_;
};

class SubstringSource final : public MachineSource {
 public:
  SubstringSource(std::string_view text, SubstringUnit unit)
      : substrings_(std::make_shared<const Substrings>(Substrings{SuffixAutomaton(marked(text, unit)), unit})) {}

  std::unique_ptr<Machine> make() const override { return std::make_unique<SubstringMachine>(substrings_); }
  bool accepts_empty() const override { return true; }
  bool has_cheap_masks() const override { return true; }
  void mark_byte_classes(std::bitset<257>& starts) const override {
    for (const char c : substrings_->automaton.text()) {
      starts.set(static_cast<std::uint8_t>(c));
      starts.set(static_cast<std::uint8_t>(c) + std::size_t{1});
    }
  }

 private:
  std::shared_ptr<const Substrings> substrings_;
};

}  // namespace

std::shared_ptr<MachineSource> substring_source(std::string_view text, SubstringUnit unit) {
  return std::make_shared<SubstringSource>(text, unit);
}

}  // namespace tamis
