#include "source.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

#include "../automaton/subsets.hpp"
#include "decoder.hpp"
#include "matcher.hpp"

namespace tamis::regex {
namespace {

class RegexMachine final : public Machine {
 public:
  RegexMachine(std::shared_ptr<const Program> program, Codec codec)
      : program_(std::move(program)), decoder_(codec), matcher_(*program_) {}

  State start() override {
    if (texts_.empty()) {
      texts_.push_back({});
      judge(0);
    }
    return texts_[0].alive ? state_of(0, 0) : kDead;
  }

  State step(State state, std::uint8_t byte) override {
    const auto [text, inside] = states_[static_cast<std::size_t>(state)];
    const Decoder::Step next = decoder_.step(inside, byte);
    switch (next.kind) {
      case Decoder::Step::Kind::kDead:
        return kDead;
      case Decoder::Step::Kind::kInside:
        return state_of(text, next.value);
      case Decoder::Step::Kind::kCharacter:
        break;
    }
    const TextId longer = text_after(text, next.value);
    return texts_[longer].alive ? state_of(longer, 0) : kDead;
  }

  bool is_complete(State state) override {
    const auto [text, inside] = states_[static_cast<std::size_t>(state)];
    return inside == 0 && texts_[text].complete;
  }

  std::size_t memory_bytes() const override {
    return texts_.capacity() * sizeof(Text) + states_.capacity() * sizeof(states_[0]) +
           (children_.size() + numbers_.size()) * 40 + current_.capacity() * sizeof(char32_t) + matcher_.memory_bytes();
  }

 private:
  using TextId = std::uint32_t;
  struct Text {
    TextId parent = 0;
    std::uint32_t last = 0;
    std::uint32_t length = 0;
    bool complete = false;
    bool settled = false;  // every longer text matches too
    bool alive = true;
  };

  State state_of(TextId text, Decoder::State inside) {
    const std::uint64_t key = (static_cast<std::uint64_t>(text) << 32) | inside;
    const auto [found, inserted] = numbers_.emplace(key, static_cast<State>(states_.size()));
    if (inserted) states_.emplace_back(text, inside);
    return found->second;
  }

  TextId text_after(TextId text, std::uint32_t character) {
    // Once everything matches, how the text goes on makes no difference.
    if (texts_[text].settled) return text;
    const std::uint64_t key = (static_cast<std::uint64_t>(text) << 32) | character;
    if (const auto found = children_.find(key); found != children_.end()) return found->second;
    const auto made = static_cast<TextId>(texts_.size());
    texts_.push_back({.parent = text, .last = character, .length = texts_[text].length + 1});
    try {
      judge(made);
    } catch (...) {
      texts_.pop_back();
      throw;
    }
    children_.emplace(key, made);
    return made;
  }

  void judge(TextId id) {
    read(id);
    const Outcome outcome = matcher_.run(current_);
    texts_[id].complete = outcome.complete;
    texts_[id].settled = outcome.settled;
    texts_[id].alive = outcome.open;
  }

  // Makes `current_` the text; mostly it is one character longer than the last one.
  void read(TextId id) {
    const Text& text = texts_[id];
    if (text.length > 0 && text.parent == current_id_ && current_.size() + 1 == text.length) {
      current_.push_back(text.last);
    } else {
      current_.resize(text.length);
      TextId at = id;
      for (std::size_t i = text.length; i-- > 0; at = texts_[at].parent) current_[i] = texts_[at].last;
    }
    current_id_ = id;
  }

  std::shared_ptr<const Program> program_;
  Decoder decoder_;
  Matcher matcher_;
  std::vector<Text> texts_;
  std::unordered_map<std::uint64_t, TextId> children_;  // (text, character)
  std::vector<std::pair<TextId, Decoder::State>> states_;
  std::unordered_map<std::uint64_t, State> numbers_;
  std::u32string current_;
  TextId current_id_ = 0;
};

class RegexSource final : public MachineSource {
 public:
  RegexSource(Program program, Codec codec)
      : program_(std::make_shared<const Program>(std::move(program))), codec_(codec) {
    program_->check();
    accepts_empty_ = Matcher(*program_).run({}).complete;
  }
  std::unique_ptr<Machine> make() const override { return std::make_unique<RegexMachine>(program_, codec_); }
  bool accepts_empty() const override { return accepts_empty_; }
  std::string name() const override { return "the regular expression"; }

 private:
  std::shared_ptr<const Program> program_;
  Codec codec_;
  bool accepts_empty_ = false;
};

}  // namespace

std::shared_ptr<MachineSource> regex_source(Program program, Codec codec) {
  return std::make_shared<RegexSource>(std::move(program), codec);
}

}  // namespace tamis::regex
