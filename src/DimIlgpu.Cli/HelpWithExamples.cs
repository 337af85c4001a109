using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace DimIlgpu.Cli;

/// <summary>The usual help, and below it how the command is used.</summary>
internal sealed class HelpWithExamples(HelpAction help, (string Command, string Meaning)[] examples) : SynchronousCommandLineAction
{
    public override bool Terminating => true;

    public override bool ClearsParseErrors => true;

    /// <summary>Gives a command its examples.</summary>
    public static void AddTo(Command command, (string Command, string Meaning)[] examples)
    {
        HelpOption? option = command.Options.OfType<HelpOption>().FirstOrDefault();
        if (option is null)
        {
            option = new HelpOption();
            command.Options.Add(option);
        }

        option.Action = new HelpWithExamples((HelpAction)option.Action!, examples);
    }

    public override int Invoke(ParseResult parseResult)
    {
        int code = help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach ((string command, string meaning) in examples)
        {
            output.WriteLine($"  {command}");
            output.WriteLine($"      {meaning}");
        }

        return code;
    }
}
