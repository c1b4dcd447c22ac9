// Machines over characters, under whatever codec spells these.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../automaton/machine.hpp"
#include "../automaton/subsets.hpp"
#include "../regex/decoder.hpp"

namespace tamis::formats {

// As Machine, with characters for bytes.
class CharacterMachine {
 public:
  using State = Machine::State;

  virtual ~CharacterMachine() = default;
  CharacterMachine() = default;
  CharacterMachine(const CharacterMachine&) = delete;
  CharacterMachine& operator=(const CharacterMachine&) = delete;

  virtual State start() = 0;
  virtual State step(State state, char32_t character) = 0;
  virtual bool is_complete(State state) = 0;
  virtual std::size_t memory_bytes() const = 0;
};

class SpelledMachine final : public Machine {
 public:
  SpelledMachine(std::unique_ptr<CharacterMachine> inner, Codec codec) : inner_(std::move(inner)), decoder_(codec) {
    number(inner_->start(), 0);
  }

  State start() override { return 0; }
  State step(State state, std::uint8_t byte) override {
    const auto [inner, inside] = states_[static_cast<std::size_t>(state)];
    const regex::Decoder::Step step = decoder_.step(inside, byte);
    if (step.kind == regex::Decoder::Step::Kind::kDead) return kDead;
    if (step.kind == regex::Decoder::Step::Kind::kInside) return number(inner, step.value);
    const State next = inner_->step(inner, step.value);
    return next == kDead ? kDead : number(next, 0);
  }
  bool is_complete(State state) override {
    const auto [inner, inside] = states_[static_cast<std::size_t>(state)];
    return inside == 0 && inner_->is_complete(inner);
  }
  std::size_t memory_bytes() const override {
    return inner_->memory_bytes() + numbers_.size() * 48 + states_.capacity() * sizeof(states_[0]);
  }

 private:
  State number(State inner, regex::Decoder::State inside) {
    const std::uint64_t key = static_cast<std::uint64_t>(static_cast<std::uint32_t>(inner)) << 32 | inside;
    const auto [found, is_new] = numbers_.try_emplace(key, static_cast<State>(states_.size()));
    if (is_new) {
      if (states_.size() >= kMostStates) throw LimitError("a format has been read in too many ways");
      states_.emplace_back(inner, inside);
    }
    return found->second;
  }

  static constexpr std::size_t kMostStates = 4'000'000;

  std::unique_ptr<CharacterMachine> inner_;
  regex::Decoder decoder_;
  std::vector<std::pair<State, regex::Decoder::State>> states_;
  std::unordered_map<std::uint64_t, State> numbers_;
};

// What a kind of character machine accepts, spelled by a codec.
class SpelledSource final : public MachineSource {
 public:
  using Maker = std::function<std::unique_ptr<CharacterMachine>()>;

  SpelledSource(Maker maker, bool accepts_empty, Codec codec)
      : maker_(std::move(maker)), accepts_empty_(accepts_empty), codec_(codec) {}

  std::unique_ptr<Machine> make() const override { return std::make_unique<SpelledMachine>(maker_(), codec_); }
  bool accepts_empty() const override { return accepts_empty_; }
  std::string name() const override { return "the format"; }

 private:
  Maker maker_;
  bool accepts_empty_;
  Codec codec_;
};

}  // namespace tamis::formats
