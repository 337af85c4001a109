using System.Runtime.InteropServices;
using DimIlgpu.Cli;

using CancellationTokenSource cancellation = new();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await Application.RunAsync(args, Console.Out, Console.Error, cancellation.Token).ConfigureAwait(false);

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    if (cancellation.IsCancellationRequested)
    {
        // Whoever asks twice has no patience for destructors; only the cursor that a progress bar hid must come back.
        if (!Console.IsOutputRedirected)
        {
            Console.Out.Write("\u001b[?25h");
        }

        Environment.Exit(ExitCode.Cancelled);
    }

    cancellation.Cancel();
}
