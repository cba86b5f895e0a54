extension FollowUps {
  /// Six categories with ten pleased and ten displeased replies each.
  public static let standard = FollowUps([
    Category(
      name: "understanding",
      positive: [
        "Now it is clear to me.", "You understood exactly what I meant.", "Yes, that is what I was asking.",
        "You got my point right away.", "Good, we mean the same thing.", "You read my question well.",
        "That is how I meant it.", "I can tell you followed what I said.",
        "You saw what was behind my question.",
        "Right, you caught what I was after.",
      ],
      negative: [
        "You misread what I wanted.", "That is not what I meant.", "You did not understand my question.",
        "Please read my message again.", "I think you are confused about what I said.",
        "You are missing my point.", "We are talking past each other.", "No, I meant something different.",
        "Did you even look at what I wrote?", "You have taken my words the wrong way.",
      ]),
    Category(
      name: "relevance",
      positive: [
        "That is just what I was after.", "This is all about my question.",
        "Every part of that matters to me.",
        "You stayed right on the subject.", "That speaks to what I asked.", "This fits my situation well.",
        "Exactly the thing I needed to know.", "That bears directly on my problem.",
        "You kept to what I asked about.", "This is the information I was looking for.",
      ],
      negative: [
        "This has nothing to do with my question.", "You are off the subject.",
        "That does not help with what I asked.",
        "Why are you telling me this?", "I did not ask about that.", "Most of this is beside the point.",
        "Let us get back to my question.", "You are answering some other question.",
        "None of this applies to me.", "You have wandered away from the matter.",
      ]),
    Category(
      name: "correctness",
      positive: [
        "Yes, that is right.", "I checked, and it is correct.", "That agrees with what I know.",
        "All of your facts hold up.", "Your answer is accurate.", "The result is exactly right.",
        "There is no mistake in that.", "I tried it and it works.", "You have it right.",
        "That matches my own notes.",
      ],
      negative: [
        "That is simply wrong.", "I checked, and it is not true.", "There is a mistake in your answer.",
        "Your facts are not right.", "This contradicts what I know.", "I tried it and it does not work.",
        "You made that up.", "The result is off.", "Where did you get that from? It is false.",
        "That cannot be correct.",
      ]),
    Category(
      name: "engagingness",
      positive: [
        "What a fun answer!", "I enjoy talking with you.", "Tell me more, this is exciting.",
        "I could go on about this for hours.", "That made me smile.", "You make this interesting.",
        "I like how you put that.", "What a lovely way to say it.", "I am curious what you will say next.",
        "This is a great conversation.",
      ],
      negative: [
        "That was dull.", "I am losing interest.", "You sound like a machine.",
        "This conversation is boring.",
        "Could you be a little livelier?", "I nearly fell asleep reading that.",
        "You keep repeating yourself.",
        "I do not feel like going on.", "What a lifeless reply.", "Let us stop here, this leads nowhere.",
      ]),
    Category(
      name: "informativeness",
      positive: [
        "I learned a good deal from this.", "Thank you for all the details.",
        "That tells me everything I need.",
        "What a thorough answer.", "I did not know that before.", "Those examples help a lot.",
        "You covered every side of it.", "Now I know much more about it.", "That was full of useful facts.",
        "You explained it in depth.",
      ],
      negative: [
        "Too vague to be of use.", "You hardly told me anything.", "I knew all of that already.",
        "Can you give me some details?", "That leaves out the important part.", "This is far too general.",
        "You did not really explain it.", "I am no wiser than before.", "There is nothing in that answer.",
        "I need much more than this.",
      ]),
    Category(
      name: "instruction following",
      positive: [
        "You did precisely what I told you to.", "That is the format I asked for.",
        "You kept to all of my instructions.", "Perfect, just as I requested.", "You did not skip any step.",
        "That is the length I wanted.", "You followed every rule I gave you.", "Done exactly as I said.",
        "You stuck to the task.", "Thank you for doing it my way.",
      ],
      negative: [
        "I asked for something else.", "You ignored my instructions.", "That is not the format I wanted.",
        "You left out half of what I told you to do.", "Please do what I asked.",
        "You broke the rules I gave you.",
        "That is much longer than I asked for.", "I told you not to do that.",
        "You only did a part of the task.", "Try again, and follow my instructions this time.",
      ]),
  ])
}
