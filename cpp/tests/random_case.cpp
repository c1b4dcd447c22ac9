#include "random_case.hpp"

#include "../vocabulary/token_automaton.hpp"

namespace tamis {

namespace {

std::shared_ptr<const Vocabulary> vocabulary() {
  static const auto made = std::make_shared<const Vocabulary>(
      std::vector<std::optional<std::string>>{"a", "b", "ab", "ba", "aab", "\"", "\\", "\\n", "\\u00", "e9", "\xC3",
                                              "\xC3\xA9", "\xF0\x9F\x98\x80", "\n", std::nullopt, "", "aaaaaaaa"},
      std::vector<TokenId>{14});
  return made;
}

std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text) {
    char buffer[8];
    std::snprintf(buffer, sizeof buffer, "%02x ", static_cast<unsigned>(static_cast<std::uint8_t>(c)));
    result += buffer;
  }
  return result;
}

// The three answers about tokens are one.
std::string wrong_tokens(const TokenAutomaton& tokens, StateId state) {
  const auto mask = tokens.mask(state);
  for (TokenId token = 0; token < static_cast<TokenId>(tokens.vocabulary().size()); ++token) {
    const bool allowed = ((*mask)[static_cast<std::size_t>(token) / 32] >> (token % 32) & 1) != 0;
    const std::int64_t next = tokens.advance(state, token);
    if (allowed != (next != TokenAutomaton::kRejected))
      return "mask and advance differ on token " + std::to_string(token);
    if (allowed != tokens.allows(state, token)) return "mask and check differ on token " + std::to_string(token);
    const auto& text = tokens.vocabulary().text(token);
    if (text && !text->empty() && next != tokens.automaton().advance(state, *text)) {
      return "a token leads elsewhere than its bytes: " + std::to_string(token);
    }
    if (token == 14 && allowed != tokens.is_complete(state))
      return "the stop token does not say whether it is complete";
  }
  return "";
}

}  // namespace

std::string wrong_answer(const RandomCase& random) {
  std::shared_ptr<const Automaton> automaton;
  try {
    automaton = std::make_shared<const Automaton>(std::make_shared<const Grammar>(random.grammar),
                                                  Automaton::Limits{20'000, std::size_t{8} << 20});
  } catch (const EmptyLanguageError&) {
  } catch (const CompileError&) {
    return "";
  } catch (const LimitError&) {
    return "";
  }
  try {
    for (const std::string& text : random.texts) {
      const std::uint32_t expected = Reference(random.grammar, text).prefixes();
      if (!automaton) {
        if (expected != 0) return "said to accept nothing, but accepts a beginning of " + shown(text);
        continue;
      }
      const TokenAutomaton tokens(automaton, vocabulary());
      StateId state = automaton->start();
      for (std::size_t end = 0;; ++end) {
        const bool complete = state != Automaton::kDead && automaton->is_complete(state);
        if (complete != ((expected >> end & 1) != 0)) {
          return (complete ? "accepts " : "rejects ") + shown(std::string_view(text).substr(0, end));
        }
        if (end == text.size()) break;
        if (state == Automaton::kDead) continue;
        if (std::string wrong = wrong_tokens(tokens, state); !wrong.empty()) return wrong + " after " + shown(text);
        state = automaton->step(state, static_cast<std::uint8_t>(text[end]));
      }
      if (automaton->advance(automaton->start(), text) != state) return "another state the second time: " + shown(text);
    }
  } catch (const LimitError&) {
  }
  return "";
}

}  // namespace tamis
